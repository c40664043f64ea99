// What servers make of their configuration when it changes while they run. Pure.
#pragma once

#include <map>
#include <string>

#include "broker/base/result.h"

namespace natrix::brokerconf {

// The files that a pod finds, by name; render.h has the names.
using Files = std::map<std::string, std::string>;
// The variables it has.
using Variables = std::map<std::string, std::string>;

// The digest that a server shows in /varz when it has loaded exactly these files. The error says
// why that cannot be foretold: a variable whose value is not known here, a file that cannot be
// read.
Result<std::string> digest_in_use(const Files& files, const Variables& variables);

// Whether a running server can go from the one to the other. The error says what stands in the way:
// the key that is read only at start, or what cannot be read or foretold.
Result<void> can_reload(const Files& now, const Files& next, const Variables& variables);

}  // namespace natrix::brokerconf
