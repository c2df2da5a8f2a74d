#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.hpp"
#include "tests/fuzz/random_bytes.hpp"

/// What a fuzz target consists of: one function that survives anything, and one that makes sound inputs to start from.
/// Each target is a program of its own, as libFuzzer wants it.

/// Returns 0. Whatever is wrong ends the process: a sanitizer, SLUICE_ASSERT, or FUZZ_EXPECT.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::fuzz {

/// A sound input, or one that is random where that reaches further; all of it comes from `random`.
Bytes make_input(RandomBytes& random);

[[noreturn]] void fail(const char* what, const char* file, int line);

}  // namespace sluice::fuzz

/// A fact that holds for any input.
#define FUZZ_EXPECT(fact) ((fact) ? static_cast<void>(0) : ::sluice::fuzz::fail(#fact, __FILE__, __LINE__))
