#include "module.h"

namespace shop {

Users::Users(natrix::Broker& broker) : Module(broker, "users") {
  serve("user.create", [this](const Json& request) {
    std::string email = text_field(request, "email");
    if (email.find('@') == std::string::npos) throw BadRequest("email: not an address");
    int id = next_id_++;
    users_[id] = {{"id", id}, {"name", text_field(request, "name")}, {"email", email}};
    emit("events.user.created", users_[id]);
    return users_[id];
  });
  serve("user.get", [this](const Json& request) {
    auto found = users_.find(number_field(request, "id"));
    if (found == users_.end()) throw BadRequest("no such user");
    return found->second;
  });
}

}  // namespace shop
