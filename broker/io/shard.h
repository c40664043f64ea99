// Shard: one thread with one event loop. A connection lives on one shard from accept to close, and
// everything that belongs to it is touched only there; shards talk by messages (post, send).
//
// A sleeping shard need not be woken for a small delivery: the sender may run the shard's mail
// itself, under the shard's run lock, which the shard's own thread holds whenever it works. That
// saves a wake-up per message of a request/reply load; large batches are left to the shard's own
// core.
//
// A Turn is one stretch of work that may read shared structures: it pins the epoch, and at its end
// the turn hook hands what was produced for other shards over in one batch per shard.
#pragma once

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "broker/base/epoch.h"
#include "broker/io/buffer_pool.h"

namespace natrix::io {

class Shard;
class Connection;

using Clock = std::chrono::steady_clock;

// A message to another shard. Mails of one sender to one shard are opened in the order sent.
class Mail {
 public:
  virtual ~Mail() = default;
  // On the receiving shard, outside a turn.
  virtual void open(Shard& shard) = 0;

 private:
  friend class Shard;
  Mail* next_ = nullptr;
};

class TurnHook {
 public:
  virtual ~TurnHook() = default;
  virtual void end_turn() = 0;
};

class Shard {
 public:
  Shard(unsigned id, EpochDomain& epochs);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  [[nodiscard]] unsigned id() const { return id_; }
  asio::io_context& context() { return context_; }
  EpochDomain& epochs() { return epochs_; }

  void start();
  // Ends the loop after the handler that runs and joins the thread. Not from the shard itself.
  void stop();
  // Throws away what was sent and not opened. Mail may hold bytes of other shards' pools: of
  // several shards all are stopped first, then the mail of all is discarded, then they are
  // destroyed.
  void discard_mail();
  // The shard whose thread calls, null on other threads.
  static Shard* current();

  // Any thread.
  template <class F>
  void post(F&& f) {
    asio::post(context_, [this, f = std::forward<F>(f)]() mutable {
      auto hold = run();
      f();
    });
  }
  // `small`: little enough work to be done by the sender, if the shard is idle.
  void send(std::unique_ptr<Mail> mail, bool small);
  // Every handler that touches what belongs to the shard holds this.
  [[nodiscard]] std::unique_lock<std::mutex> run() { return std::unique_lock(run_mutex_); }
  // Mails sent and not yet opened: senders that can wait should when this grows.
  [[nodiscard]] size_t backlog() const { return backlog_.load(std::memory_order_relaxed); }

  // The rest: on the shard's thread only.
  BufferPool& buffers() { return buffers_; }
  void set_turn_hook(TurnHook* hook) { turn_hook_ = hook; }
  // Flushes the connection's write queue once the handlers that are ready now have run.
  void flush_later(Connection* connection);
  // Frees `object` when no shard can reach it any more and all mail sent before has been opened.
  template <class T>
  void retire(T* object) {
    limbo_.retire(epochs_, object);
    schedule_reclaim();
  }
  void retire(void* object, void (*deleter)(void*)) {
    limbo_.retire(epochs_, object, deleter);
    schedule_reclaim();
  }
  // The chunk that connections read into; replaced when messages in it are still referenced.
  SharedBytes* read_chunk();

 private:
  friend class Turn;
  void loop();
  bool run_by_sender();
  Mail* take_mail();
  void open_mail();
  void flush_dirty();
  void schedule_reclaim();
  void reclaim();

  const unsigned id_;
  EpochDomain& epochs_;
  BufferPool buffers_;
  EpochSlot epoch_slot_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer reclaim_timer_;
  std::thread thread_;
  TurnHook* turn_hook_ = nullptr;
  unsigned turn_depth_ = 0;
  SharedBytes* read_chunk_ = nullptr;
  std::vector<Connection*> dirty_, flushing_;
  std::mutex run_mutex_;
  bool run_by_sender_ = false;
  bool flush_posted_ = false;
  bool reclaim_scheduled_ = false;
  Limbo limbo_;
  alignas(64) std::atomic<Mail*> mail_{nullptr};
  std::atomic<size_t> backlog_{0};
};

// Pins the shard's epoch for the caller's scope. Turns nest; the outermost one counts.
class Turn {
 public:
  explicit Turn(Shard& shard);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Shard& shard_;
};

}  // namespace natrix::io
