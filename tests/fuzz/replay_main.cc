// Replays fuzzing inputs without libFuzzer: every file below the folders given as arguments goes
// once through LLVMFuzzerTestOneInput. So the corpora are ordinary tests with any compiler.
//
// Prints how many inputs ran. A folder that is missing or empty is not an error (a new fuzzer has
// no corpus yet), a file that cannot be read is.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

bool replay(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return false;
  }
  // Named before it runs: if it crashes, the last line tells which one it was.
  std::printf("%s (%zu bytes)\n", path.c_str(), bytes.size());
  std::fflush(stdout);
  // A buffer of exactly this size lets the address sanitizer see a read beyond the end.
  std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  size_t inputs = 0;
  bool readable = true;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    if (fs::is_regular_file(argv[i], error)) {
      readable = replay(argv[i]) && readable;
      ++inputs;
      continue;
    }
    for (fs::recursive_directory_iterator entry(argv[i], error), end; !error && entry != end;
         entry.increment(error)) {
      if (!entry->is_regular_file()) continue;
      readable = replay(entry->path()) && readable;
      ++inputs;
    }
    if (error) std::printf("%s: %s\n", argv[i], error.message().c_str());
  }
  std::printf("%zu inputs replayed\n", inputs);
  return readable ? 0 : 1;
}
