#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/api_key.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/error_code.hpp"
#include "protocol/wire/records.hpp"
#include "protocol/wire/unknown_tagged_field.hpp"
#include "protocol/wire/version_range.hpp"

/// What every generated message header needs, and nothing more.
namespace sluice::wire {

class Printer;
class RandomSource;
class Reader;
class Writer;

}  // namespace sluice::wire

namespace sluice::protocol {

using wire::UnknownTaggedField;
using wire::UnknownTaggedFields;
using wire::VersionRange;

}  // namespace sluice::protocol
