// natrix-manifests: prints the manifests that are made from the operator's own code.
//
//   natrix-manifests crd | cluster-role | role
#include <cstdio>
#include <string>

#include "operator/manifests/files.h"

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  for (const auto& file : natrix::manifests::generated_files()) {
    if (file.name != what) continue;
    std::fputs(file.text.c_str(), stdout);
    return 0;
  }
  std::fprintf(stderr, "usage: %s crd | cluster-role | role\n", argv[0]);
  return 2;
}
