#include "broker/io/shared_bytes.h"

#include <cstdlib>
#include <new>

namespace natrix::io {

SharedBytes* SharedBytes::allocate(size_t capacity, BytesHome* home) {
  void* memory = std::malloc(sizeof(SharedBytes) + capacity + kSlack);
  if (memory == nullptr) throw std::bad_alloc();
  return new (memory) SharedBytes(capacity, home);
}

void SharedBytes::free(SharedBytes* block) {
  block->~SharedBytes();
  std::free(block);
}

void SharedBytes::last_reference_gone() {
  if (home_ != nullptr) {
    home_->give_back(this);
  } else {
    free(this);
  }
}

}  // namespace natrix::io
