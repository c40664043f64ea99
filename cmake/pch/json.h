// As std.h, for files that also handle JSON documents.
#pragma once
#include "cmake/pch/std.h"
//
#include <nlohmann/json.hpp>
