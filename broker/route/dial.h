// Dial: one attempt to connect to another server: resolve, pick an address, connect.
//
// Runs on the given io_context, does not block it. Destroying the last reference abandons the
// attempt.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "broker/base/result.h"

namespace natrix::route {

class Dial : public std::enable_shared_from_this<Dial> {
 public:
  // A connected non-blocking socket, which is then the callee's, or why there is none.
  using Done = std::function<void(Result<int>)>;

  struct Us {
    // "ip:port": left out when the host is a name, for they lead to ourselves.
    std::set<std::string> addresses;
    // Where our route listener is, as configured. The other side gossips the address it sees us
    // come from, so servers that share a machine by loopback addresses come from their own.
    std::string listen_host;
  };

  static std::shared_ptr<Dial> start(asio::io_context& context, const std::string& host, int port,
                                     Us us, Done done);
  Dial(asio::io_context& context, std::string host, int port, Us us, Done done);

  // `done` will not be called any more.
  void cancel();

 private:
  void resolve();
  void resolved(const asio::ip::tcp::resolver::results_type& results);
  void connect(const asio::ip::tcp::endpoint& endpoint);
  void bind_to_own_loopback(const asio::ip::tcp::endpoint& remote);
  void finish(Result<int> result);

  asio::ip::tcp::resolver resolver_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  const std::string host_;
  const int port_;
  const Us us_;
  Done done_;
};

// "ip:port" and "[ip]:port" of every address of this machine.
std::set<std::string> own_addresses(int port);
// "host:port", with brackets for IPv6.
std::string host_port(const std::string& host, int port);

}  // namespace natrix::route
