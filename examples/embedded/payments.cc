#include "module.h"

namespace shop {

Payments::Payments(natrix::Broker& broker) : Module(broker, "payments") {
  on_event("events.order.created", [this](const Json& order) {
    emit("events.payment.success", {{"order", order.at("id")},
                                    {"product", order.at("product")},
                                    {"quantity", order.at("quantity")}});
  });
}

}  // namespace shop
