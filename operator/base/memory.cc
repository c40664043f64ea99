#include "operator/base/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace natrix::ops {

namespace {

// Segments that were never writable hold what is in the file, unchanged: relocations are written
// only to segments that the program header calls writable (and that are protected later).
int drop_constant_pages(dl_phdr_info* object, size_t, void*) {
  if (std::strstr(object->dlpi_name, "vdso") != nullptr) return 0;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  bool text_relocations = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object->dlpi_addr + segment.p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) text_relocations |= entry->d_tag == DT_TEXTREL;
  }
  if (text_relocations) return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void give_back_memory() {
  malloc_trim(0);
  dl_iterate_phdr(drop_constant_pages, nullptr);
}

}  // namespace natrix::ops
