#include <string>
#include <vector>

#include "broker/main/program.h"
#include "broker/main/server_service.h"

int main(int argc, char** argv) {
  using namespace natrix;
  std::string program = argc > 0 ? argv[0] : "natrix-broker";
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return main::run_program(program, arguments, config::process_surroundings(),
                           main::make_server_service);
}
