// Who we say we are, in one place.
//
// kNatsVersion is the NATS feature level: the `version` of INFO and /varz, on which client
// libraries gate what they use (it must parse as semver). kVersion is the version of this product;
// it goes into the extra fields `impl` and `impl_version`, which no client looks at.
#pragma once

#include <string_view>

namespace natrix {

inline constexpr std::string_view kNatsVersion = "2.14.0";
inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kImplName = "natrix-broker";

}  // namespace natrix
