// What the modules share: JSON over requests and events, on a connection of their own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "natrix/broker.h"

namespace shop {

using Json = nlohmann::json;

// A bad request: its text is the answer.
struct BadRequest : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Module {
 public:
  Module(natrix::Broker& broker, const std::string& name);

 protected:
  // Answers requests on `subject`; the handler returns the result or throws BadRequest.
  void serve(const std::string& subject, std::function<Json(const Json&)> handler);
  void on_event(const std::string& subject, std::function<void(const Json&)> handler);
  void emit(const std::string& subject, const Json& event);
  // Asks another module. Throws BadRequest with its answer.
  Json ask(const std::string& subject, const Json& request);

 private:
  std::string name_;
  std::unique_ptr<natrix::Connection> connection_;
};

// One line of structured log.
void log(const std::string& module, const std::string& what, const Json& fields);

class Users : public Module {
 public:
  explicit Users(natrix::Broker& broker);

 private:
  int next_id_ = 1;
  std::map<int, Json> users_;
};

class Products : public Module {
 public:
  explicit Products(natrix::Broker& broker);

 private:
  int next_id_ = 1;
  std::map<int, Json> products_;
};

class Orders : public Module {
 public:
  explicit Orders(natrix::Broker& broker);

 private:
  int next_id_ = 1;
  std::map<int, Json> orders_;
};

class Payments : public Module {
 public:
  explicit Payments(natrix::Broker& broker);
};

// A field that must be there with the right type.
std::string text_field(const Json& request, const char* name);
int number_field(const Json& request, const char* name);

}  // namespace shop
