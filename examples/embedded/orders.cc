#include "module.h"

namespace shop {

Orders::Orders(natrix::Broker& broker) : Module(broker, "orders") {
  serve("order.create", [this](const Json& request) {
    int quantity = number_field(request, "quantity");
    if (quantity <= 0) throw BadRequest("quantity: must be positive");
    Json user = ask("user.get", {{"id", number_field(request, "user")}});
    Json product = ask("product.get", {{"id", number_field(request, "product")}});
    if (product.at("stock").get<int>() < quantity) throw BadRequest("quantity: not in stock");
    int id = next_id_++;
    orders_[id] = {{"id", id},
                   {"user", user.at("id")},
                   {"product", product.at("id")},
                   {"quantity", quantity},
                   {"state", "created"}};
    emit("events.order.created", orders_[id]);
    return orders_[id];
  });
  serve("order.get", [this](const Json& request) {
    auto found = orders_.find(number_field(request, "id"));
    if (found == orders_.end()) throw BadRequest("no such order");
    return found->second;
  });
  on_event("events.payment.success",
           [this](const Json& payment) { orders_.at(payment.at("order"))["state"] = "paid"; });
}

}  // namespace shop
