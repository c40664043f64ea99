// A YAML writer for plain JSON documents: block style, strings quoted unless plainly harmless.
#include <cctype>

#include "operator/model/crd.h"

namespace natrix::model {

namespace {

bool harmless_word(const std::string& text) {
  if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.' &&
        c != '/') {
      return false;
    }
  }
  // Words that YAML 1.1 takes for booleans or null.
  static const char* const kWords[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* word : kWords) {
    if (lower == word) return false;
  }
  return true;
}

std::string scalar(const OrderedJson& value) {
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  if (value.is_string() && harmless_word(value.get_ref<const std::string&>())) return value;
  return value.dump();
}

std::string key_text(const std::string& key) {
  return harmless_word(key) ? key : OrderedJson(key).dump();
}

void write(const OrderedJson& value, const std::string& indent, std::string& out);

void write_entry(const OrderedJson& value, const std::string& child_indent, std::string& out) {
  if (value.is_structured() && !value.empty()) {
    out += "\n";
    write(value, child_indent, out);
  } else {
    out += " " + scalar(value) + "\n";
  }
}

void write_list(const OrderedJson& list, const std::string& indent, std::string& out) {
  for (const OrderedJson& item : list) {
    if (item.is_structured() && !item.empty()) {
      std::string block;
      write(item, indent + "  ", block);
      out += indent + "- " + block.substr(indent.size() + 2);
    } else {
      out += indent + "- " + scalar(item) + "\n";
    }
  }
}

void write(const OrderedJson& value, const std::string& indent, std::string& out) {
  if (value.is_array()) return write_list(value, indent, out);
  for (const auto& [key, item] : value.items()) {
    out += indent + key_text(key) + ":";
    write_entry(item, item.is_array() ? indent : indent + "  ", out);
  }
}

}  // namespace

std::string to_yaml(const OrderedJson& document) {
  std::string out;
  if (document.is_structured() && !document.empty()) {
    write(document, "", out);
  } else {
    out = scalar(document) + "\n";
  }
  return out;
}

}  // namespace natrix::model
