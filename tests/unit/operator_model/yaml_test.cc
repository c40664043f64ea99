// The writer's output, read back by yaml-cpp, is the document that was written.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "operator/model/crd.h"

namespace natrix::model {
namespace {

OrderedJson to_json(const YAML::Node& node) {
  if (node.IsSequence()) {
    OrderedJson out = OrderedJson::array();
    for (const auto& item : node) out.push_back(to_json(item));
    return out;
  }
  if (node.IsMap()) {
    OrderedJson out = OrderedJson::object();
    for (const auto& item : node) out[item.first.as<std::string>()] = to_json(item.second);
    return out;
  }
  if (node.IsNull()) return nullptr;
  const auto text = node.as<std::string>();
  if (node.Tag() == "!") return text;  // quoted
  bool flag = false;
  if (YAML::convert<bool>::decode(node, flag)) return flag;
  int64_t number = 0;
  if (YAML::convert<int64_t>::decode(node, number)) return number;
  return text;
}

void expect_round_trip(const OrderedJson& document) {
  const std::string text = to_yaml(document);
  EXPECT_EQ(to_json(YAML::Load(text)), document) << text;
}

TEST(Yaml, WritesWhatReadsBackTheSame) {
  expect_round_trip(OrderedJson::parse(R"({"a": {"b": [1, {"c": "d", "e": []}, [2, [3]]], "f": {}},
      "on": "yes", "n": "null", "word": "some-word/v1", "text": "a: b # c", "number": "12",
      "lines": "a\nb\t\"q\"", "flag": true, "none": null, "empty": "", "list": [{"x": {"y": 1}}]})"));
}

TEST(Yaml, TheCrdReadsBackTheSame) {
  expect_round_trip(cluster_crd());
}

}  // namespace
}  // namespace natrix::model
