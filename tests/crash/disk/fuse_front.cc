#include "tests/crash/disk/fuse_front.h"

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace natrix::crash {

namespace {

using Listing = std::vector<std::pair<std::string, NodePtr>>;

// One request: the mutex, the node it is about, and its answer.
class Call {
 public:
  Call(fuse_req_t request, fuse_ino_t id)
      : request_(request),
        front_(*static_cast<FuseFront*>(fuse_req_userdata(request))),
        lock_(front_.disk().mutex()),
        id_(id) {}

  Disk& disk() { return front_.disk(); }
  Dice& dice() { return front_.dice(); }
  fuse_req_t request() { return request_; }

  // Null, and the request answered, if the operation is refused or the node is of the past.
  NodePtr admit(Op op) {
    if (int error = front_.gate().pass(op, lock_)) {
      refused_with_ = error;
      return nullptr;
    }
    return node();
  }
  NodePtr node() {
    NodePtr found = front_.disk().node(id_);
    if (!found) refused_with_ = ESTALE;
    return found;
  }
  NodePtr other(fuse_ino_t id) {
    NodePtr found = front_.disk().node(id);
    if (!found) refused_with_ = ESTALE;
    return found;
  }
  int refused_with() const { return refused_with_; }

  void fail(int error) { fuse_reply_err(request_, error); }
  void refuse() { fail(refused_with_); }
  void answer_entry(const NodePtr& node);
  void answer_attributes(const NodePtr& node);

 private:
  fuse_req_t request_;
  FuseFront& front_;
  std::unique_lock<std::mutex> lock_;
  fuse_ino_t id_;
  int refused_with_ = 0;
};

struct stat attributes_of(const Node& node) {
  struct stat attributes {};
  attributes.st_ino = node.id;
  attributes.st_mode = node.mode | (node.is_directory ? S_IFDIR : S_IFREG);
  attributes.st_nlink = node.is_directory ? 2 : node.links;
  attributes.st_uid = node.owner;
  attributes.st_gid = node.group;
  attributes.st_size = static_cast<off_t>(node.content.size());
  attributes.st_blksize = Content::kBlockBytes;
  attributes.st_blocks = static_cast<blkcnt_t>((node.content.size() + 511) / 512);
  attributes.st_atim = node.accessed;
  attributes.st_mtim = node.modified;
  attributes.st_ctim = node.changed;
  return attributes;
}

fuse_entry_param entry_of(const NodePtr& node) {
  fuse_entry_param entry{};
  entry.ino = node->id;
  entry.attr = attributes_of(*node);
  return entry;  // timeouts of 0: nothing is cached
}

void Call::answer_entry(const NodePtr& node) {
  disk().remember(node);
  fuse_entry_param entry = entry_of(node);
  fuse_reply_entry(request_, &entry);
}

void Call::answer_attributes(const NodePtr& node) {
  struct stat attributes = attributes_of(*node);
  fuse_reply_attr(request_, &attributes, 0);
}

void do_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Call call(request, parent);
  NodePtr directory = call.node();
  if (!directory) return call.refuse();
  NodePtr found = call.disk().lookup(directory, name);
  if (!found) return call.fail(ENOENT);
  call.answer_entry(found);
}

void do_forget(fuse_req_t request, fuse_ino_t id, uint64_t times) {
  {
    Call call(request, id);
    call.disk().forget(id, times);
  }
  fuse_reply_none(request);
}

void do_forget_multi(fuse_req_t request, size_t count, fuse_forget_data* forgets) {
  {
    Call call(request, FUSE_ROOT_ID);
    for (size_t i = 0; i < count; ++i) call.disk().forget(forgets[i].ino, forgets[i].nlookup);
  }
  fuse_reply_none(request);
}

void do_getattr(fuse_req_t request, fuse_ino_t id, fuse_file_info*) {
  Call call(request, id);
  NodePtr node = call.node();
  if (!node) return call.refuse();
  call.answer_attributes(node);
}

timespec time_to_set(const timespec& asked, bool now) {
  if (!now) return asked;
  timespec current{};
  clock_gettime(CLOCK_REALTIME, &current);
  return current;
}

void do_setattr(fuse_req_t request, fuse_ino_t id, struct stat* wanted, int what, fuse_file_info*) {
  Call call(request, id);
  NodePtr node = what & FUSE_SET_ATTR_SIZE ? call.admit(Op::kTruncate) : call.node();
  if (!node) return call.refuse();
  if (what & FUSE_SET_ATTR_SIZE) {
    if (node->is_directory) return call.fail(EISDIR);
    if (int error = call.disk().resize(node, static_cast<uint64_t>(wanted->st_size))) {
      return call.fail(error);
    }
  }
  if (what & FUSE_SET_ATTR_MODE) node->mode = wanted->st_mode & 07777;
  if (what & FUSE_SET_ATTR_UID) node->owner = wanted->st_uid;
  if (what & FUSE_SET_ATTR_GID) node->group = wanted->st_gid;
  if (what & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) {
    node->accessed = time_to_set(wanted->st_atim, (what & FUSE_SET_ATTR_ATIME_NOW) != 0);
  }
  if (what & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
    node->modified = time_to_set(wanted->st_mtim, (what & FUSE_SET_ATTR_MTIME_NOW) != 0);
  }
  call.answer_attributes(node);
}

NodePtr make(Call& call, Op op, const char* name, mode_t mode) {
  NodePtr directory = call.admit(op);
  if (!directory) {
    call.refuse();
    return nullptr;
  }
  NodePtr made;
  if (int error = call.disk().create(directory, name, op == Op::kMkdir, mode, &made)) {
    call.fail(error);
    return nullptr;
  }
  const fuse_ctx* context = fuse_req_ctx(call.request());
  made->owner = context->uid;
  made->group = context->gid;
  return made;
}

void do_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  Call call(request, parent);
  if (!S_ISREG(mode)) return call.fail(EPERM);
  if (NodePtr made = make(call, Op::kCreate, name, mode)) call.answer_entry(made);
}

void do_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  Call call(request, parent);
  if (NodePtr made = make(call, Op::kMkdir, name, mode)) call.answer_entry(made);
}

void do_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
  Call call(request, parent);
  NodePtr made = make(call, Op::kCreate, name, mode);
  if (!made) return;
  call.disk().remember(made);
  fuse_entry_param entry = entry_of(made);
  info->direct_io = 1;
  fuse_reply_create(request, &entry, info);
}

void do_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Call call(request, parent);
  NodePtr directory = call.admit(Op::kUnlink);
  if (!directory) return call.refuse();
  call.fail(call.disk().unlink(directory, name));
}

void do_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Call call(request, parent);
  NodePtr directory = call.admit(Op::kUnlink);
  if (!directory) return call.refuse();
  call.fail(call.disk().rmdir(directory, name));
}

void do_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned int flags) {
  Call call(request, parent);
  NodePtr from = call.admit(Op::kRename);
  if (!from) return call.refuse();
  NodePtr to = call.other(new_parent);
  if (!to) return call.refuse();
  if (flags & ~1U) return call.fail(EINVAL);  // RENAME_NOREPLACE is 1; no other is known here
  call.fail(call.disk().rename(from, name, to, new_name, flags == 0));
}

void do_link(fuse_req_t request, fuse_ino_t id, fuse_ino_t new_parent, const char* new_name) {
  Call call(request, id);
  NodePtr file = call.admit(Op::kLink);
  if (!file) return call.refuse();
  NodePtr directory = call.other(new_parent);
  if (!directory) return call.refuse();
  if (int error = call.disk().link(file, directory, new_name)) return call.fail(error);
  call.answer_entry(file);
}

void do_open(fuse_req_t request, fuse_ino_t id, fuse_file_info* info) {
  Call call(request, id);
  NodePtr node = info->flags & O_TRUNC ? call.admit(Op::kTruncate) : call.node();
  if (!node) return call.refuse();
  if (info->flags & O_TRUNC) call.disk().resize(node, 0);
  info->direct_io = 1;
  fuse_reply_open(request, info);
}

void do_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, fuse_file_info*) {
  Call call(request, id);
  NodePtr node = call.admit(Op::kRead);
  if (!node) return call.refuse();
  std::vector<char> bytes(size);
  size_t got = node->content.read(static_cast<uint64_t>(offset), bytes.data(), size);
  fuse_reply_buf(request, bytes.data(), got);
}

void do_write(fuse_req_t request, fuse_ino_t id, const char* from, size_t size, off_t offset,
              fuse_file_info*) {
  Call call(request, id);
  NodePtr node = call.admit(Op::kWrite);
  size_t written = 0;
  if (!node) {
    // A write that fails may have written a part.
    NodePtr partly = call.node();
    size_t part = call.dice().below(size + 1);
    int error = call.refused_with();
    if (partly && error != ESTALE && error != ENOSPC) {
      call.disk().write(partly, static_cast<uint64_t>(offset), from, part, &written);
    }
    return call.refuse();
  }
  int error = call.disk().write(node, static_cast<uint64_t>(offset), from, size, &written);
  if (error) return call.fail(error);
  fuse_reply_write(request, written);
}

void do_fsync(fuse_req_t request, fuse_ino_t id, int, fuse_file_info*) {
  Call call(request, id);
  NodePtr node = call.admit(Op::kSync);
  if (!node) {
    int error = call.refused_with();
    if (NodePtr failed = call.node()) call.disk().fail_sync(failed, call.dice());
    return call.fail(error);
  }
  call.disk().sync(node);
  call.fail(0);
}

void do_fsyncdir(fuse_req_t request, fuse_ino_t id, int, fuse_file_info*) {
  Call call(request, id);
  NodePtr node = call.admit(Op::kSyncDirectory);
  if (!node) return call.refuse();
  call.disk().sync_directory(node);
  call.fail(0);
}

void do_flush(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  fuse_reply_err(request, 0);
}
void do_release(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  fuse_reply_err(request, 0);
}

void do_opendir(fuse_req_t request, fuse_ino_t id, fuse_file_info* info) {
  Call call(request, id);
  NodePtr node = call.node();
  if (!node) return call.refuse();
  auto listing = std::make_unique<Listing>(node->now.begin(), node->now.end());
  listing->insert(listing->begin(), {{".", node}, {"..", node}});
  info->fh = reinterpret_cast<uint64_t>(listing.release());
  fuse_reply_open(request, info);
}

void do_readdir(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  const auto& listing = *reinterpret_cast<const Listing*>(info->fh);
  std::vector<char> bytes(size);
  size_t used = 0;
  for (size_t i = static_cast<size_t>(offset); i < listing.size(); ++i) {
    struct stat attributes {};
    attributes.st_ino = listing[i].second->id;
    attributes.st_mode = listing[i].second->is_directory ? S_IFDIR : S_IFREG;
    size_t needed =
        fuse_add_direntry(request, bytes.data() + used, size - used, listing[i].first.c_str(),
                          &attributes, static_cast<off_t>(i + 1));
    if (needed > size - used) break;
    used += needed;
  }
  fuse_reply_buf(request, bytes.data(), used);
}

void do_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  delete reinterpret_cast<Listing*>(info->fh);
  fuse_reply_err(request, 0);
}

void do_statfs(fuse_req_t request, fuse_ino_t) {
  Call call(request, FUSE_ROOT_ID);
  uint64_t capacity = std::min<uint64_t>(call.disk().capacity_bytes(), uint64_t{1} << 40);
  uint64_t used = std::min(call.disk().used_bytes(), capacity);
  struct statvfs facts {};
  facts.f_bsize = facts.f_frsize = Content::kBlockBytes;
  facts.f_blocks = capacity / Content::kBlockBytes;
  facts.f_bfree = facts.f_bavail = (capacity - used) / Content::kBlockBytes;
  facts.f_files = facts.f_ffree = facts.f_favail = 1 << 20;
  facts.f_namemax = 255;
  fuse_reply_statfs(request, &facts);
}

void do_fallocate(fuse_req_t request, fuse_ino_t id, int mode, off_t offset, off_t length,
                  fuse_file_info*) {
  Call call(request, id);
  NodePtr node = call.admit(Op::kTruncate);
  if (!node) return call.refuse();
  auto begin = static_cast<uint64_t>(offset);
  auto size = static_cast<uint64_t>(length);
  if (mode == 0) {
    int error = begin + size > node->content.size() ? call.disk().resize(node, begin + size) : 0;
    return call.fail(error);
  }
  if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return call.fail(EOPNOTSUPP);
  node->content.zero(begin, size);
  call.fail(0);
}

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops ops{};
  ops.lookup = do_lookup;
  ops.forget = do_forget;
  ops.forget_multi = do_forget_multi;
  ops.getattr = do_getattr;
  ops.setattr = do_setattr;
  ops.mknod = do_mknod;
  ops.mkdir = do_mkdir;
  ops.unlink = do_unlink;
  ops.rmdir = do_rmdir;
  ops.rename = do_rename;
  ops.link = do_link;
  ops.open = do_open;
  ops.read = do_read;
  ops.write = do_write;
  ops.flush = do_flush;
  ops.release = do_release;
  ops.fsync = do_fsync;
  ops.opendir = do_opendir;
  ops.readdir = do_readdir;
  ops.releasedir = do_releasedir;
  ops.fsyncdir = do_fsyncdir;
  ops.statfs = do_statfs;
  ops.create = do_create;
  ops.fallocate = do_fallocate;
  return ops;
}

}  // namespace

FuseFront::~FuseFront() {
  if (session_ == nullptr) return;
  unmount();
  fuse_session_destroy(session_);
}

bool FuseFront::mount(const std::string& mount_point) {
  std::vector<std::string> words = {"crashfs", "-ofsname=crashfs"};
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  fuse_args args = FUSE_ARGS_INIT(static_cast<int>(pointers.size()), pointers.data());
  const fuse_lowlevel_ops ops = operations();
  mount_point_ = mount_point;
  session_ = fuse_session_new(&args, &ops, sizeof ops, this);
  fuse_opt_free_args(&args);
  mounted_ = session_ != nullptr && fuse_session_mount(session_, mount_point.c_str()) == 0;
  return mounted_;
}

int FuseFront::serve() {
  return fuse_session_loop(session_) == 0 ? 0 : 1;
}

void FuseFront::unmount() {
  if (std::exchange(mounted_, false)) fuse_session_unmount(session_);
}

// The loop looks whether it shall end after each request; so this makes one.
void FuseFront::stop() {
  fuse_session_exit(session_);
  struct statvfs facts {};
  ::statvfs(mount_point_.c_str(), &facts);
}

}  // namespace natrix::crash
