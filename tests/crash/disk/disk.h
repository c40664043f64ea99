// A disk in memory that keeps for certain only what was synced: the model behind crashfs.
//
// Data: see content.h. Names: making, renaming and removing a file is pending until the directory
// is synced. Two rules:
//   kPosix    what POSIX promises: a sync of the directory makes its names durable, a sync of a
//   file
//             only the file's bytes. Pending changes survive a power cut or not, one by one, except
//             that a later change of a name never survives an earlier one that was lost.
//   kJournal  what journalling file systems (ext4, XFS) add: changes of names survive in the order
//             in which they were made, and a sync of any file includes all that were made before.
// Under both a rename is atomic.
//
// Nodes are identified by numbers (1: the root). After power_cut() the old numbers, except the
// root's, are of the past: every use of them fails with ESTALE.
//
// Thread rule: everything under mutex(). Results are 0 or an errno.
#pragma once

#include <sys/statvfs.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/crash/disk/gate.h"
#include "tests/crash/disk/node.h"

namespace natrix::crash {

class Disk {
 public:
  enum class NameRule : uint8_t { kPosix, kJournal };
  static constexpr uint64_t kRoot = 1;

  // What a power cut did.
  struct Cut {
    uint64_t files = 0;          // there are afterwards
    uint64_t files_changed = 0;  // not as programs saw them
    uint64_t names_pending = 0;
    uint64_t names_lost = 0;
    uint64_t bytes_pending = 0;
  };

  Disk(NameRule rule, uint64_t capacity_bytes);

  std::mutex& mutex() { return mutex_; }

  // Null if there is none, or if it is of the past.
  NodePtr node(uint64_t id) const;
  NodePtr lookup(const NodePtr& directory, const std::string& name) const;
  void remember(const NodePtr& node);  // the kernel knows it now
  void forget(uint64_t id, uint64_t times);

  int create(const NodePtr& directory, const std::string& name, bool is_directory, mode_t mode,
             NodePtr* made);
  int unlink(const NodePtr& directory, const std::string& name);
  int rmdir(const NodePtr& directory, const std::string& name);
  int link(const NodePtr& file, const NodePtr& directory, const std::string& name);
  int rename(const NodePtr& from, const std::string& name, const NodePtr& to,
             const std::string& new_name, bool may_replace);

  // Writes as much as there is space for; *written may be less than asked. ENOSPC if nothing.
  int write(const NodePtr& file, uint64_t offset, const char* from, size_t size, size_t* written);
  int resize(const NodePtr& file, uint64_t size);
  void sync(const NodePtr& file);
  void fail_sync(const NodePtr& file, Dice& dice);
  void sync_directory(const NodePtr& directory);
  void sync_all();

  uint64_t used_bytes() const;
  uint64_t capacity_bytes() const { return capacity_; }
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }

  // Nobody may be using files of the disk.
  Cut power_cut(uint64_t seed);

  // Remembers the disk as programs see it now (cheap: blocks are shared) ...
  void keep();
  // ... and writes what was kept last, or the time before, as ordinary files below `folder`, which
  // must exist.
  int save_kept(const std::string& folder) const;
  int save_kept_before(const std::string& folder) const;

 private:
  struct Rebuild;

  NodePtr make_node(bool is_directory, mode_t mode);
  void change_names(NameChange change);
  static void apply_to_disk(const NameChange& change);
  void sync_all_names();
  void lose_names(Dice& dice, Cut& cut);
  NodePtr rebuild(const NodePtr& old, Rebuild& state);
  bool has_space(const NodePtr& file, uint64_t end) const;

  std::mutex mutex_;
  NameRule rule_;
  uint64_t capacity_;
  uint64_t next_id_ = kRoot + 1;
  NodePtr root_;
  NodePtr kept_;
  NodePtr kept_before_;
  std::unordered_map<uint64_t, NodePtr> known_;  // to the kernel
  std::vector<NameChange> pending_names_;        // in the order in which they were made
};

}  // namespace natrix::crash
