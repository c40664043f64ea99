// Advisories: what happens to streams and consumers, told to whoever listens (wire.md 15).
#pragma once

#include <string_view>

#include "broker/jetstream/environment/environment.h"

namespace natrix::jetstream::stream {

// Publishes the advisory if anybody listens. `fields` is JSON without braces; `domain` may be
// empty.
void advise(Environment& environment, std::string_view domain, std::string_view subject,
            std::string_view type, std::string_view fields);

}  // namespace natrix::jetstream::stream
