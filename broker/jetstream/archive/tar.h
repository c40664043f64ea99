// Tar archives as far as backups use them: regular files, with the extended headers of POSIX.1-2001
// ("PAX": path and size) and the prefix of ustar. Fact: Go's archive/tar, which nats-server uses.
// Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::jetstream::archive {

inline constexpr size_t kTarBlockBytes = 512;

struct TarHead {
  enum class Kind : uint8_t {
    kFile,
    kExtended,        // its content describes the next file
    kGlobalExtended,  // and this one all that follow; nothing in it matters here
    kEnd,             // a block of zeros
  };
  Kind kind = Kind::kEnd;
  std::string name;
  uint64_t size = 0;
};

// `block` has kTarBlockBytes. Errors: wrong checksum, a size that is no number, an entry that is
// not a file.
Result<TarHead> parse_tar_head(std::string_view block);

// What a kExtended entry says about the next one; other keys are passed over.
struct TarExtension {
  std::string path;  // empty: not said
  bool has_size = false;
  uint64_t size = 0;
};
Result<TarExtension> parse_tar_extension(std::string_view content);

// How many bytes fill the last block of a file.
constexpr size_t tar_padding(uint64_t size) {
  return static_cast<size_t>((kTarBlockBytes - size % kTarBlockBytes) % kTarBlockBytes);
}

// Appends the head of a file, with an extended header if the name needs one. `time`: seconds.
void append_tar_head(std::string_view name, uint64_t size, int64_t time, std::string& out);
// Appends the two blocks that end an archive.
void append_tar_end(std::string& out);

}  // namespace natrix::jetstream::archive
