#include "module.h"

namespace shop {

Products::Products(natrix::Broker& broker) : Module(broker, "products") {
  serve("product.create", [this](const Json& request) {
    int stock = number_field(request, "stock");
    if (stock < 0) throw BadRequest("stock: must not be negative");
    int id = next_id_++;
    products_[id] = {{"id", id}, {"name", text_field(request, "name")}, {"stock", stock}};
    emit("events.product.created", products_[id]);
    return products_[id];
  });
  serve("product.get", [this](const Json& request) {
    auto found = products_.find(number_field(request, "id"));
    if (found == products_.end()) throw BadRequest("no such product");
    return found->second;
  });
  // A paid order leaves the shelf.
  on_event("events.payment.success", [this](const Json& payment) {
    Json& product = products_.at(payment.at("product"));
    product["stock"] = product.at("stock").get<int>() - payment.at("quantity").get<int>();
    emit("events.product.stock.updated", product);
  });
}

}  // namespace shop
