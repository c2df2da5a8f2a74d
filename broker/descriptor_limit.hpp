#pragma once

#include <cstddef>

namespace sluice::broker {

/// Logs and connections take thousands of descriptors; the soft limit of a shell is 1024, kept low for programs that
/// use select, of which this is none. Raises it to the hard limit.
void raise_descriptor_limit();

/// How many segments may have their files open, so that half of the descriptors are left for connections and the
/// kernel's limit of mappings for the rest of the process.
std::size_t open_segments_max();

}  // namespace sluice::broker
