// Which program an image stands for. There are no images here, only programs of this machine: all
// broker images ("nats", "nats-server", "natrix-broker", from any registry, with any tag) are the
// one broker, others must be named with --image NAME=PATH.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "broker/base/result.h"

namespace natrix::agent {

struct Images {
  std::string broker;                         // path of the broker program
  std::map<std::string, std::string> others;  // last part of an image's name -> path

  // The error says how to name a program for it.
  [[nodiscard]] Result<std::string> program(const std::string& image) const;

  // The path for a command's first word: the names a broker image has inside stand for the broker;
  // other words are programs of this machine.
  [[nodiscard]] std::string command_program(const std::string& word) const;
};

}  // namespace natrix::agent
