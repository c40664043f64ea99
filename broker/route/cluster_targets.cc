// Whom to dial, when, and what to do when it fails.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "broker/route/cluster.h"
#include "broker/route/cluster_post.h"

namespace natrix::route {

using Pause = std::chrono::steady_clock::duration;

namespace {

// wire.md 2: route dial / retry / max retry.
constexpr auto kRetry = std::chrono::seconds(1);
constexpr auto kMaxRetry = std::chrono::seconds(30);

// Two servers that lost each other must not dial each other at the same instants for ever.
Pause jitter() {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 99)(random));
}

bool same_url(const config::Url& a, const config::Url& b) {
  return a.host == b.host && a.port == b.port && a.user == b.user && a.password == b.password;
}

}  // namespace

void Cluster::add_target(const config::Url& url) {
  targets_.push_back(std::make_shared<Target>(control_, url, true));
}

void Cluster::change_routes(const std::vector<config::Url>& routes) {
  std::vector<std::shared_ptr<Target>> gone;
  for (const auto& target : targets_) {
    bool kept = !target->configured ||
                std::any_of(routes.begin(), routes.end(),
                            [&](const auto& url) { return same_url(url, target->url); });
    if (!kept) gone.push_back(target);
  }
  for (const auto& target : gone) {
    host_.log().info("Removed route {}", target->url.text());
    for (auto& [rid, link] : links_) {
      bool its =
          link.target == target || (!target->peer_id.empty() && link.peer_id == target->peer_id);
      if (its) close_link(link, io::CloseReason::kRouteRemoved);
    }
    drop_target(target);
  }
  for (const config::Url& url : routes) {
    bool known = std::any_of(targets_.begin(), targets_.end(), [&](const auto& target) {
      return target->configured && same_url(url, target->url);
    });
    if (known) continue;
    add_target(url);
    pursue(targets_.back());
  }
}

void Cluster::drop_target(const std::shared_ptr<Target>& target) {
  target->removed = true;
  target->timer.cancel();
  for (auto& [account, lane] : target->lanes) {
    if (lane.dial) lane.dial->cancel();
    lane.dial.reset();
  }
  std::erase(targets_, target);
}

// Dials what is missing between the target's server and us.
void Cluster::pursue(const std::shared_ptr<Target>& target) {
  if (stopped_ || target->removed || target->is_self || renewing_) return;
  if (!target->lanes[""].busy() && table_->wants_pool_connection(target->peer_id)) {
    dial(target, "");
  }
  for (const std::string& account : table_->dedicated()) {
    if (!interest_.contains(account) || target->lanes[account].busy()) continue;
    if (table_->wants_dedicated(target->peer_id, account)) dial(target, account);
  }
}

void Cluster::dial(const std::shared_ptr<Target>& target, const std::string& account) {
  host_.log().debug("Trying to connect to route on {}:{}", target->url.host, target->url.port);
  target->lanes[account].dial = Dial::start(
      control_, target->url.host, target->url.port, {own_addresses_, options_.cluster.host},
      [weak = weak_from_this(), target, account](Result<int> result) {
        auto self = weak.lock();
        if (self && !self->stopped_) {
          self->dialled(target, account, std::move(result));
        } else if (result) {
          ::close(*result);
        }
      });
}

void Cluster::dialled(const std::shared_ptr<Target>& target, const std::string& account,
                      Result<int> result) {
  target->lanes[account].dial.reset();
  if (!result) {
    return attempt_failed(target, fmt::format("Error trying to connect to route (attempt {}): {}",
                                              target->attempts + 1, result.error().message));
  }
  open_link(*result, target, account);
}

void Cluster::attempt_failed(const std::shared_ptr<Target>& target, std::string_view why) {
  ++target->attempts;
  int every = std::max(
      1, target->was_connected ? options_.reconnect_error_reports : options_.connect_error_reports);
  if (!why.empty()) {
    if (target->attempts == 1 || target->attempts % every == 0) {
      host_.log().error("{}", why);
    } else {
      host_.log().debug("{}", why);
    }
  }
  if (!target->configured && target->attempts > options_.cluster.connect_retries) {
    return drop_target(target);
  }
  Pause pause = std::max<Pause>(target->pause, kRetry);
  target->pause = options_.cluster.connect_backoff ? std::min<Pause>(pause * 2, kMaxRetry) : pause;
  schedule(target, pause + jitter());
}

// A connection has gone, one that served or one that never did.
void Cluster::lane_closed(const Link& link) {
  if (stopped_) return;
  bool served = link.stage == Stage::kActive;
  if (link.target && !link.target->removed) {
    Target& target = *link.target;
    Target::Lane& lane = target.lanes[link.account];
    bool unconfirmed = lane.rid == link.rid;
    if (unconfirmed) lane.rid = 0;
    bool duplicate = !served && table_->known(target.peer_id);
    if (unconfirmed && !duplicate && !target.is_self) {
      attempt_failed(link.target, "");
    } else if (unconfirmed && !target.is_self) {
      schedule(link.target, kRetry + jitter());
    }
  }
  if (link.peer_id.empty()) return;
  // A copy: pursuing may drop targets.
  std::vector<std::shared_ptr<Target>> targets = targets_;
  for (const auto& target : targets) {
    if (target->peer_id != link.peer_id || target->timer_armed) continue;
    schedule(target, (target->configured ? Pause(kRetry) : Pause(0)) + jitter());
  }
}

void Cluster::schedule(const std::shared_ptr<Target>& target, Pause pause) {
  if (target->removed || target->timer_armed) return;
  target->timer_armed = true;
  target->timer.expires_after(pause);
  target->timer.async_wait([weak = weak_from_this(), target](const std::error_code& error) {
    target->timer_armed = false;
    auto self = weak.lock();
    if (!error && self) self->pursue(target);
  });
}

}  // namespace natrix::route
