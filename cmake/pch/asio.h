// As std.h, for files that do I/O through Asio.
#pragma once


#include "cmake/pch/std.h"
//
#include <asio.hpp>
