#include "tests/fuzz/allocation_limit.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>

#include "tests/fuzz/fuzz_target.hpp"

namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

thread_local std::size_t limit = kNoLimit;
thread_local std::size_t largest = 0;
thread_local unsigned closest_percent = 0;

void count(std::size_t size) noexcept {
  if (limit == kNoLimit) return;
  if (size > limit) {
    std::fprintf(stderr, "an allocation of %zu bytes, and the input justifies %zu\n", size, limit);
    std::abort();
  }
  largest = std::max(largest, size);
  closest_percent = std::max(closest_percent, static_cast<unsigned>(100 * size / limit));
}

void* allocate(std::size_t size) {
  count(size);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}

void* allocate(std::size_t size, std::align_val_t alignment) {
  count(size);
  const auto align = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  throw std::bad_alloc{};
}

}  // namespace

// The array and nothrow forms of the library call these.
void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return allocate(size, alignment); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return allocate(size, alignment); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace sluice::fuzz {

AllocationLimit::AllocationLimit(std::size_t bytes) noexcept { limit = bytes; }
AllocationLimit::~AllocationLimit() { limit = kNoLimit; }

std::size_t largest_allocation() noexcept { return largest; }
unsigned closest_to_limit_percent() noexcept { return closest_percent; }

void fail(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  std::abort();
}

}  // namespace sluice::fuzz
