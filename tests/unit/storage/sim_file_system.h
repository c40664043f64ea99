// A file system in memory that loses what was not synced: at a crash every unsynced write may be
// there, missing or torn by sectors, in any combination; names that were made, changed or removed
// without syncing their directory may be undone, the latest first. Can refuse writes and syncs, and
// stop dead after a number of calls.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "broker/storage/file_system.h"

namespace natrix::storage::tests {

class SimFileSystem final : public FileSystem {
 public:
  struct Node {
    std::string bytes;    // as seen
    std::string durable;  // as synced
    struct Write {
      uint64_t offset;
      std::string bytes;
      bool cut;  // a truncation to `offset`
    };
    std::vector<Write> unsynced;
    bool poisoned = false;  // a sync failed: what was unsynced then is lost
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  // What happens to the caller.
  uint64_t calls = 0;           // changing calls so far
  uint64_t stop_after = ~0ull;  // from this call on nothing works
  bool full = false;            // writes get kFull
  uint64_t space = ~0ull;       // bytes that may still be written before it is full
  int fail_syncs = 0;           // so many syncs fail, and lose what they should have synced

  StorageResult<std::shared_ptr<File>> open(const std::string& path, Mode mode) override {
    std::lock_guard lock(mutex_);
    auto found = names_.find(path);
    if (mode == Mode::kCreate) {
      if (found != names_.end()) return storage_failure(StorageErrorKind::kIo, path + " exists");
      if (!step()) return dead();
      if (full) return storage_failure(StorageErrorKind::kFull, "no space for " + path);
      found = names_.emplace(path, std::make_shared<Node>()).first;
      undo_.push_back(names_before(path, nullptr));
    }
    if (found == names_.end()) return storage_failure(StorageErrorKind::kNotFound, path);
    return std::shared_ptr<File>(std::make_shared<SimFile>(*this, found->second));
  }
  StorageResult<std::vector<std::string>> list(const std::string& directory) override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (auto& [path, node] : names_) {
      if (path.starts_with(directory + "/") && path.find('/', directory.size() + 1) == path.npos) {
        all.push_back(path.substr(directory.size() + 1));
      }
    }
    return all;
  }
  StorageResult<void> make_directories(const std::string&) override { return {}; }
  StorageResult<void> remove(const std::string& path) override {
    std::lock_guard lock(mutex_);
    auto found = names_.find(path);
    if (found == names_.end()) return storage_failure(StorageErrorKind::kNotFound, path);
    if (!step()) return dead();
    undo_.push_back(names_before(path, found->second));
    names_.erase(found);
    return {};
  }
  StorageResult<void> rename(const std::string& from, const std::string& to) override {
    std::lock_guard lock(mutex_);
    auto found = names_.find(from);
    if (found == names_.end()) return storage_failure(StorageErrorKind::kNotFound, from);
    if (!step()) return dead();
    auto old = names_.find(to);
    auto node = found->second;
    std::shared_ptr<Node> replaced = old == names_.end() ? nullptr : old->second;
    undo_.push_back([this, from, to, node, replaced] {
      names_[from] = node;
      if (replaced != nullptr) {
        names_[to] = replaced;
      } else {
        names_.erase(to);
      }
    });
    names_.erase(from);
    names_[to] = node;
    return {};
  }
  StorageResult<void> link(const std::string& from, const std::string& to) override {
    std::lock_guard lock(mutex_);
    auto found = names_.find(from);
    if (found == names_.end()) return storage_failure(StorageErrorKind::kNotFound, from);
    if (!step()) return dead();
    if (!names_.emplace(to, found->second).second) {
      return storage_failure(StorageErrorKind::kInvalid, to + " exists");
    }
    undo_.push_back(names_before(to, nullptr));
    return {};
  }
  StorageResult<void> sync_directory(const std::string&) override {
    std::lock_guard lock(mutex_);
    if (!step()) return dead();
    undo_.clear();
    return {};
  }
  StorageResult<std::shared_ptr<void>> lock(const std::string&) override {
    return std::shared_ptr<void>(nullptr, [](void*) {});
  }

  // The power goes: what comes back is decided by `random`. Files that are open must not be used
  // any more. With `keep_all` only the process dies: everything written is there.
  void crash(std::mt19937_64& random, bool keep_all) {
    if (!keep_all) {
      for (size_t undone = random() % (undo_.size() + 1); undone > 0; --undone) {
        undo_.back()();
        undo_.pop_back();
      }
      for (auto& [path, node] : names_) settle(*node, random);
    }
    for (auto& [path, node] : names_) {
      node->durable = node->bytes;
      node->unsynced.clear();
      node->poisoned = false;
    }
    undo_.clear();
    stop_after = ~0ull;
    full = false;
    space = ~0ull;
    fail_syncs = 0;
  }
  std::string* bytes(const std::string& path) {
    auto found = names_.find(path);
    return found == names_.end() ? nullptr : &found->second->bytes;
  }
  const Names& names() const { return names_; }

 private:
  class SimFile final : public File {
   public:
    SimFile(SimFileSystem& fs, std::shared_ptr<Node> node) : fs_(fs), node_(std::move(node)) {}
    StorageResult<size_t> read(uint64_t offset, char* to, size_t size) override {
      std::lock_guard lock(fs_.mutex_);
      if (offset >= node_->bytes.size()) return size_t{0};
      size_t n = std::min<size_t>(size, node_->bytes.size() - offset);
      std::copy_n(node_->bytes.data() + offset, n, to);
      return n;
    }
    StorageResult<void> write(uint64_t offset, std::string_view bytes) override {
      std::lock_guard lock(fs_.mutex_);
      if (!fs_.step()) {
        // The call during which the power goes may have done anything.
        if (fs_.calls == fs_.stop_after)
          node_->unsynced.push_back({offset, std::string(bytes), false});
        return fs_.dead();
      }
      if (fs_.full || bytes.size() > fs_.space) {
        fs_.full = true;
        apply(offset, bytes.substr(0, std::min<size_t>(bytes.size() / 2, fs_.space)));
        return storage_failure(StorageErrorKind::kFull, "no space left");
      }
      if (fs_.space != ~0ull) fs_.space -= bytes.size();
      apply(offset, bytes);
      return {};
    }
    StorageResult<void> sync() override {
      std::lock_guard lock(fs_.mutex_);
      if (!fs_.step()) return fs_.dead();
      if (fs_.fail_syncs > 0) {
        --fs_.fail_syncs;
        node_->poisoned = true;
        return storage_failure(StorageErrorKind::kIo, "sync failed");
      }
      if (node_->poisoned) return {};  // as kernels do: later syncs succeed, the data is gone
      node_->durable = node_->bytes;
      node_->unsynced.clear();
      return {};
    }
    StorageResult<uint64_t> size() override {
      std::lock_guard lock(fs_.mutex_);
      return static_cast<uint64_t>(node_->bytes.size());
    }
    StorageResult<void> truncate(uint64_t size) override {
      std::lock_guard lock(fs_.mutex_);
      if (!fs_.step()) return fs_.dead();
      node_->bytes.resize(size);
      node_->unsynced.push_back({size, "", true});
      return {};
    }

   private:
    void apply(uint64_t offset, std::string_view bytes) {
      if (node_->bytes.size() < offset + bytes.size()) node_->bytes.resize(offset + bytes.size());
      node_->bytes.replace(offset, bytes.size(), bytes);
      node_->unsynced.push_back({offset, std::string(bytes), false});
    }
    SimFileSystem& fs_;
    std::shared_ptr<Node> node_;
  };

  bool step() { return ++calls < stop_after; }
  Failure<StorageError> dead() {
    return storage_failure(StorageErrorKind::kIo, "the machine is off");
  }
  std::function<void()> names_before(const std::string& path, std::shared_ptr<Node> node) {
    return [this, path, node] {
      if (node == nullptr) {
        names_.erase(path);
      } else {
        names_[path] = node;
      }
    };
  }
  static void settle(Node& node, std::mt19937_64& random) {
    constexpr uint64_t kSector = 512;
    std::string now = node.durable;
    unsigned mode = random() % 4;  // 0: nothing, 1: everything, else: some sectors
    for (const Node::Write& write : node.unsynced) {
      if (write.cut) {
        if (random() % 2 == 0) now.resize(write.offset);
        continue;
      }
      for (uint64_t at = write.offset; at < write.offset + write.bytes.size();) {
        uint64_t end = std::min((at / kSector + 1) * kSector, write.offset + write.bytes.size());
        bool there = mode == 1 || (mode > 1 && random() % 3 != 0);
        if (there || (mode > 1 && random() % 4 == 0)) {
          if (now.size() < end) now.resize(end, '\0');  // the length may come without the bytes
        }
        if (there) now.replace(at, end - at, write.bytes, at - write.offset, end - at);
        at = end;
      }
    }
    node.bytes = now;
  }

  std::mutex mutex_;
  Names names_;
  std::vector<std::function<void()>> undo_;  // of names not synced, oldest first
};

}  // namespace natrix::storage::tests
