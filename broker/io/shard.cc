#include "broker/io/shard.h"

#include <pthread.h>

#include <asio/executor_work_guard.hpp>

#include "broker/base/assert.h"
#include "broker/io/connection.h"

namespace natrix::io {

namespace {
thread_local Shard* current_shard = nullptr;
constexpr auto kReclaimInterval = std::chrono::milliseconds(5);
}  // namespace

Shard::Shard(unsigned id, EpochDomain& epochs)
    : id_(id),
      epochs_(epochs),
      context_(1),  // one thread runs it, but senders may start operations on it
      work_(asio::make_work_guard(context_)),
      reclaim_timer_(context_) {
  epochs_.add(&epoch_slot_);
}

Shard::~Shard() {
  stop();
  discard_mail();
  limbo_.free_up_to(~Epoch{0});
  if (read_chunk_ != nullptr) read_chunk_->release();
  epochs_.remove(&epoch_slot_);
}

Shard* Shard::current() {
  return current_shard;
}

void Shard::start() {
  thread_ = std::thread([this] { loop(); });
}

void Shard::loop() {
  current_shard = this;
  pthread_setname_np(pthread_self(), ("shard-" + std::to_string(id_)).c_str());
  context_.run();
  current_shard = nullptr;
}

void Shard::stop() {
  if (!thread_.joinable()) return;
  NATRIX_ASSERT(current_shard != this, "a shard is stopped from outside");
  work_.reset();
  context_.stop();
  thread_.join();
}

void Shard::send(std::unique_ptr<Mail> mail, bool small) {
  Mail* raw = mail.release();
  backlog_.fetch_add(1, std::memory_order_relaxed);
  Mail* head = mail_.load(std::memory_order_relaxed);
  do {
    raw->next_ = head;
  } while (!mail_.compare_exchange_weak(head, raw, std::memory_order_release,
                                        std::memory_order_relaxed));
  if (small && run_by_sender()) return;
  // Whoever finds the box empty wakes the shard; the others ride along.
  if (head == nullptr) post([this] { open_mail(); });
}

// Opens the box on the calling shard's thread, if this shard's own thread sleeps.
bool Shard::run_by_sender() {
  Shard* caller = current_shard;
  if (caller == nullptr || caller->run_by_sender_ || caller == this) return false;
  std::unique_lock hold(run_mutex_, std::try_to_lock);
  if (!hold) return false;
  current_shard = this;
  run_by_sender_ = true;
  open_mail();
  flush_dirty();
  run_by_sender_ = false;
  current_shard = caller;
  if (!dirty_.empty() && !flush_posted_) {  // made by the flush itself
    flush_posted_ = true;
    post([this] { flush_dirty(); });
  }
  return true;
}

// Empties the box; what was in it, oldest first.
Mail* Shard::take_mail() {
  Mail* newest = mail_.exchange(nullptr, std::memory_order_acquire);
  Mail* oldest = nullptr;
  while (newest != nullptr) {
    Mail* next = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

void Shard::open_mail() {
  for (Mail* next = take_mail(); next != nullptr;) {
    std::unique_ptr<Mail> mail(next);
    next = next->next_;
    mail->open(*this);
    backlog_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Shard::discard_mail() {
  NATRIX_ASSERT(!thread_.joinable(), "mail is discarded when the shard has stopped");
  for (Mail* next = take_mail(); next != nullptr;) {
    std::unique_ptr<Mail> mail(next);
    next = next->next_;
    backlog_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Shard::flush_later(Connection* connection) {
  dirty_.push_back(connection);
  if (flush_posted_ || run_by_sender_) return;
  flush_posted_ = true;
  post([this] { flush_dirty(); });
}

void Shard::flush_dirty() {
  flush_posted_ = false;
  flushing_.swap(dirty_);
  for (Connection* connection : flushing_) connection->flush();
  flushing_.clear();
}

void Shard::schedule_reclaim() {
  if (reclaim_scheduled_) return;
  reclaim_scheduled_ = true;
  reclaim_timer_.expires_after(kReclaimInterval);
  reclaim_timer_.async_wait([this](const std::error_code& error) {
    if (error) return;
    auto hold = run();
    reclaim();
  });
}

void Shard::reclaim() {
  reclaim_scheduled_ = false;
  // Every batch that could refer to a safe object was sent before its sender's turn ended, so it is
  // in the box by now: open the box before freeing.
  Epoch safe = epochs_.safe();
  open_mail();
  flush_dirty();  // closed connections must not linger in the list
  limbo_.free_up_to(safe);
  if (!limbo_.empty()) schedule_reclaim();
}

SharedBytes* Shard::read_chunk() {
  if (read_chunk_ != nullptr && !read_chunk_->unshared()) {
    read_chunk_->release();
    read_chunk_ = nullptr;
  }
  if (read_chunk_ == nullptr) read_chunk_ = buffers_.take_read_chunk();
  return read_chunk_;
}

Turn::Turn(Shard& shard) : shard_(shard) {
  if (shard_.turn_depth_++ > 0) return;
  shard_.epoch_slot_.store(shard_.epochs_.current());
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

Turn::~Turn() {
  if (shard_.turn_depth_ == 1 && shard_.turn_hook_ != nullptr) shard_.turn_hook_->end_turn();
  if (--shard_.turn_depth_ == 0) shard_.epoch_slot_.store(0);
}

}  // namespace natrix::io
