#include "broker/jetstream/archive/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace natrix::jetstream::archive {

namespace {

// Places in a header block.
struct Field {
  size_t at;
  size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kSum{148, 8};
constexpr size_t kType = 156;
constexpr Field kMagic{257, 6};
constexpr Field kUser{265, 32};
constexpr Field kGroup{297, 32};
constexpr Field kPrefix{345, 155};

std::string_view text_of(std::string_view block, Field field) {
  std::string_view text = block.substr(field.at, field.size);
  return text.substr(0, text.find('\0'));
}

// Octal digits, or with the highest bit of the first byte set a big endian number.
bool number_of(std::string_view block, Field field, uint64_t& value) {
  std::string_view raw = block.substr(field.at, field.size);
  value = 0;
  if ((raw[0] & 0x80) != 0) {
    for (size_t i = 0; i < raw.size(); ++i) {
      auto byte = static_cast<uint8_t>(i == 0 ? raw[0] & 0x7f : raw[i]);
      if (value >> 55 != 0) return false;
      value = value << 8 | byte;
    }
    return true;
  }
  while (!raw.empty() && raw.front() == ' ') raw.remove_prefix(1);
  raw = raw.substr(0, raw.find_first_of(std::string_view(" \0", 2)));
  auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value, 8);
  return raw.empty() || (error == std::errc() && end == raw.data() + raw.size());
}

// Of all bytes, the field of the sum itself counted as spaces.
uint64_t sum_of(std::string_view block) {
  uint64_t sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    sum += i >= kSum.at && i < kSum.at + kSum.size ? ' ' : static_cast<uint8_t>(block[i]);
  }
  return sum;
}

void set_text(std::string& block, Field field, std::string_view text) {
  block.replace(field.at, text.size(), text);
}
void set_number(std::string& block, Field field, uint64_t value) {
  set_text(block, field, fmt::format("{:0{}o}", value, field.size - 1));
}

void append_block(std::string_view name, uint64_t size, int64_t time, char type, std::string& out) {
  std::string block(kTarBlockBytes, '\0');
  set_text(block, kName, name.substr(0, kName.size));
  set_number(block, kMode, 0600);
  set_number(block, kUid, 0);
  set_number(block, kGid, 0);
  set_number(block, kSize, size);
  set_number(block, kTime, static_cast<uint64_t>(std::max<int64_t>(time, 0)));
  block[kType] = type;
  set_text(block, kMagic, std::string_view("ustar\00000", 8));
  set_text(block, kUser, "nats");
  set_text(block, kGroup, "nats");
  set_text(block, kSum, fmt::format("{:06o}", sum_of(block)));
  block[kSum.at + 7] = ' ';
  out.append(block);
}

// "<length> path=<name>\n", the length counting itself.
std::string path_record(std::string_view name) {
  size_t without = 1 + 5 + name.size() + 1;
  size_t length = without + 1;
  while (fmt::formatted_size("{}", length) + without != length) ++length;
  return fmt::format("{} path={}\n", length, name);
}

}  // namespace

Result<TarHead> parse_tar_head(std::string_view block) {
  TarHead head;
  if (block.find_first_not_of('\0') == std::string_view::npos) return head;
  uint64_t sum = 0;
  if (!number_of(block, kSum, sum) || sum != sum_of(block)) {
    return fail("tar header with a wrong checksum");
  }
  if (!number_of(block, kSize, head.size)) return fail("tar header with a malformed size");
  switch (block[kType]) {
    case '0':
    case '\0':
      head.kind = TarHead::Kind::kFile;
      break;
    case 'x':
      head.kind = TarHead::Kind::kExtended;
      break;
    case 'g':
      head.kind = TarHead::Kind::kGlobalExtended;
      break;
    default:
      return fail("tar archive with an entry that is not a file");
  }
  head.name = text_of(block, kName);
  if (text_of(block, kMagic) == "ustar") {
    std::string_view prefix = text_of(block, kPrefix);
    if (!prefix.empty()) head.name = fmt::format("{}/{}", prefix, head.name);
  }
  return head;
}

Result<TarExtension> parse_tar_extension(std::string_view content) {
  TarExtension extension;
  while (!content.empty()) {
    size_t length = 0;
    auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), length);
    auto digits = static_cast<size_t>(end - content.data());
    if (error != std::errc() || length > content.size() || length < digits + 2 ||
        content[digits] != ' ' || content[length - 1] != '\n') {
      return fail("tar archive with a malformed extended header");
    }
    std::string_view record = content.substr(digits + 1, length - digits - 2);
    content.remove_prefix(length);
    size_t equals = record.find('=');
    if (equals == std::string_view::npos) {
      return fail("tar archive with a malformed extended header");
    }
    std::string_view value = record.substr(equals + 1);
    if (record.substr(0, equals) == "path") extension.path = value;
    if (record.substr(0, equals) == "size") {
      auto parsed = std::from_chars(value.data(), value.data() + value.size(), extension.size);
      extension.has_size = parsed.ec == std::errc() && parsed.ptr == value.data() + value.size();
      if (!extension.has_size) return fail("tar archive with a malformed extended header");
    }
  }
  return extension;
}

void append_tar_head(std::string_view name, uint64_t size, int64_t time, std::string& out) {
  if (name.size() > kName.size) {
    std::string record = path_record(name);
    append_block("PaxHeaders.0/file", record.size(), time, 'x', out);
    out.append(record).append(tar_padding(record.size()), '\0');
  }
  append_block(name, size, time, '0', out);
}

void append_tar_end(std::string& out) {
  out.append(2 * kTarBlockBytes, '\0');
}

}  // namespace natrix::jetstream::archive
