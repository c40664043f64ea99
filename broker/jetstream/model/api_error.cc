#include "broker/jetstream/model/api_error.h"

namespace natrix::jetstream::model {

ApiError api_error(Err err, std::string_view value) {
  ErrorText row = find_error(err);
  ApiError error{row.code, static_cast<uint16_t>(err), {}};
  std::string_view rest = row.text;
  for (size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    size_t close = rest.find('}', open);
    error.description.append(rest.substr(0, open));
    error.description.append(value);
    rest.remove_prefix(close + 1);
  }
  error.description.append(rest);
  return error;
}

}  // namespace natrix::jetstream::model
