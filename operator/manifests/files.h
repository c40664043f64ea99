// The files of the repository that are generated; a test compares them with what is there.
#pragma once

#include <string>
#include <vector>

namespace natrix::manifests {

struct GeneratedFile {
  std::string name;  // argument of natrix-manifests
  std::string path;  // from the root of the repository
  std::string text;
};

std::vector<GeneratedFile> generated_files();

}  // namespace natrix::manifests
