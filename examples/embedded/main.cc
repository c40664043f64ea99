// See README.md. Exits 0 when everything came out as it should.
#include <iostream>
#include <mutex>
#include <thread>

#include "module.h"

namespace shop {

using namespace std::chrono_literals;

void log(const std::string& module, const std::string& what, const Json& fields) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  std::cout << Json{{"module", module}, {"what", what}, {"fields", fields}}.dump() << std::endl;
}

template <class T>
T must(natrix::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

std::string text_field(const Json& request, const char* name) {
  if (!request.contains(name) || !request.at(name).is_string()) {
    throw BadRequest(std::string(name) + ": missing, or not a text");
  }
  return request.at(name);
}

int number_field(const Json& request, const char* name) {
  if (!request.contains(name) || !request.at(name).is_number_integer()) {
    throw BadRequest(std::string(name) + ": missing, or not a whole number");
  }
  return request.at(name);
}

Module::Module(natrix::Broker& broker, const std::string& name)
    : name_(name), connection_(must(broker.connect({.name = name}))) {}

void Module::serve(const std::string& subject, std::function<Json(const Json&)> handler) {
  must(connection_->subscribe(
      subject,
      [this, subject, handler](const natrix::Message& request) {
        Json answer;
        try {
          answer = {{"result", handler(Json::parse(request.data))}};
        } catch (const std::exception& error) {
          answer = {{"error", error.what()}};
        }
        log(name_, subject, answer);
        if (auto sent = connection_->respond(request, answer.dump()); !sent) {
          log(name_, "lost answer", sent.error().message);
        }
      },
      name_));
}

void Module::on_event(const std::string& subject, std::function<void(const Json&)> handler) {
  must(connection_->subscribe(subject, [this, subject, handler](const natrix::Message& event) {
    log(name_, subject, Json::parse(event.data));
    handler(Json::parse(event.data));
  }));
}

void Module::emit(const std::string& subject, const Json& event) {
  if (auto sent = connection_->publish(subject, event.dump()); !sent) {
    throw std::runtime_error(sent.error().message);
  }
}

Json Module::ask(const std::string& subject, const Json& request) {
  natrix::Message answer = must(connection_->request(subject, request.dump(), 2s));
  Json json = Json::parse(answer.data);
  if (json.contains("error")) throw BadRequest(json.at("error").get<std::string>());
  return json.at("result");
}

// Plays the part of a front end.
class Customer : public Module {
 public:
  explicit Customer(natrix::Broker& broker) : Module(broker, "customer") {
    on_event("events.>", [this](const Json&) { ++events_; });
  }

  bool shop() {
    Json user = ask("user.create", {{"name", "Ada"}, {"email", "ada@example.org"}});
    Json product = ask("product.create", {{"name", "lamp"}, {"stock", 100}});
    product_ = product.at("id");
    ask("order.create", {{"user", user.at("id")}, {"product", product_}, {"quantity", 10}});
    return refused("user.create", {{"name", "nobody"}, {"email", "nowhere"}}) &&
           refused("order.create", {{"user", 1}, {"product", product_}, {"quantity", 1000}}) &&
           refused("product.get", {{"id", "one"}});
  }

  bool stock_is(int expected) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      if (ask("product.get", {{"id", product_}}).at("stock") == expected) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  // A burst right before the end: none of it may be lost.
  void order_more(int orders) {
    for (int i = 0; i < orders; ++i) {
      emit("events.order.created", {{"id", 1}, {"product", product_}, {"quantity", 1}});
    }
  }

  [[nodiscard]] int events() const { return events_; }

 private:
  bool refused(const std::string& subject, const Json& request) {
    try {
      ask(subject, request);
    } catch (const BadRequest& refusal) {
      log("customer", "refused as it should be", refusal.what());
      return true;
    }
    return false;
  }

  int product_ = 0;
  std::atomic<int> events_{0};
};

}  // namespace shop

int main() {
  using namespace std::chrono_literals;
  natrix::BrokerOptions options;
  options.listen = false;
  options.log = [](natrix::LogSeverity, std::string_view line) {
    shop::log("broker", std::string(line), nullptr);
  };
  auto broker = natrix::Broker::start(options);
  if (!broker) {
    std::cerr << broker.error().message << "\n";
    return 1;
  }
  shop::Users users(**broker);
  shop::Products products(**broker);
  shop::Orders orders(**broker);
  shop::Payments payments(**broker);
  shop::Customer customer(**broker);

  bool good = customer.shop() && customer.stock_is(90);
  customer.order_more(50);
  auto drained = (*broker)->drain(10s);
  if (!drained) std::cerr << drained.error().message << "\n";
  (*broker)->stop();

  // user, product, order, payment, stock; then 50 times order, payment, stock.
  constexpr int kEvents = 5 + 50 * 3;
  shop::log("main", "done", {{"good", good}, {"events", customer.events()}});
  return good && drained.ok() && customer.events() == kEvents ? 0 : 1;
}
