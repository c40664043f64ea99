// Result<T, E> is part of the public interface; inside the project it is included from here.
#pragma once

#include "broker/base/assert.h"
#include "natrix/errors.h"
