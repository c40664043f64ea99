// PeerTable: which connection serves what, per peer. Pure bookkeeping: it decides where a
// connection belongs and who yields when two claim the same place, so that there is never more than
// one connection per peer and place, and so nothing is delivered twice.
//
// Places of a peer: one per pool index and one per dedicated account; or a single one when either
// side does without a pool (wire.md 5, "Pooling").
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace natrix::route {

// A connection that asks for a place.
struct Candidate {
  uint64_t rid = 0;
  std::string peer_id;
  bool solicited = false;     // we dialled
  bool same_product = false;  // the peer decides by the same rules as we
  int pool_size = 0;          // the peer's; 0: it has no pool
  int pool_index = 0;         // what the peer asks for; 0 when we dialled
  std::string account;        // of a dedicated route
};

struct Verdict {
  enum Kind {
    kAdmit,      // `place` is free and now the candidate's
    kReplace,    // `place` is the candidate's as soon as connection `replaced` is closed
    kDuplicate,  // everything is served already
    kViolation,  // `error` is for the peer
  };
  Kind kind = kDuplicate;
  int place = -1;  // pool index; -1 for a dedicated account
  bool pooled = true;
  bool first_in_pool = false;  // the peer had no (general) connection so far
  uint64_t replaced = 0;
  std::string error;
};

class PeerTable {
 public:
  // `pool_size` <= 0: this server has no pool, and `dedicated` is ignored.
  PeerTable(std::string own_id, int pool_size, std::set<std::string> dedicated);

  Verdict place(const Candidate& candidate);
  // Gives the place up if the connection has one. True: it was the peer's last connection.
  bool remove(uint64_t rid, const std::string& peer_id);

  [[nodiscard]] bool known(const std::string& peer_id) const { return peers_.contains(peer_id); }
  [[nodiscard]] size_t size() const { return peers_.size(); }
  // Something of what we and the peer agree on is not served yet: the next pool index, ...
  [[nodiscard]] bool wants_pool_connection(const std::string& peer_id) const;
  // ... or the dedicated connection of an account.
  [[nodiscard]] bool wants_dedicated(const std::string& peer_id, const std::string& account) const;
  [[nodiscard]] std::vector<std::string> peer_ids() const;
  // Any connection of the peer (the first in pool order), 0: none.
  [[nodiscard]] uint64_t any_connection(const std::string& peer_id) const;
  // The dedicated connection, 0: none.
  [[nodiscard]] uint64_t dedicated_connection(const std::string& peer_id,
                                              const std::string& account) const;

  // The pool index of an account here, for any size.
  static int pool_index(std::string_view account, int pool_size);
  [[nodiscard]] const std::set<std::string>& dedicated() const { return dedicated_; }
  [[nodiscard]] int pool_size() const { return pool_size_; }

 private:
  struct Holder {
    uint64_t rid = 0;  // 0: free
    bool solicited = false;
  };
  struct Peer {
    bool pooled = true;
    std::vector<Holder> pool;
    std::map<std::string, Holder> accounts;
  };
  Verdict place_in_pool(Peer& peer, const Candidate& candidate);
  Verdict place_dedicated(Peer& peer, const Candidate& candidate);
  Verdict claim(Holder& holder, const Candidate& candidate, int index);
  static bool pool_empty(const Peer& peer);
  static bool empty(const Peer& peer);

  const std::string own_id_;
  const int pool_size_;
  const std::set<std::string> dedicated_;
  std::map<std::string, Peer> peers_;
};

}  // namespace natrix::route
