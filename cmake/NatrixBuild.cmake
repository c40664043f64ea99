# Language level, warnings, optimisation and sanitizers: the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Programs are compiled as libraries are, so that they can share precompiled headers.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_COMPILE_OPTIONS_PIE "-fPIC")
add_compile_options(-fno-semantic-interposition)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1") # assertions stay on: NATRIX_ASSERT does not depend on NDEBUG
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

set(NATRIX_SANITIZE "" CACHE STRING "comma separated -fsanitize= list, e.g. address,undefined")
option(NATRIX_PCH "use precompiled headers" ON)
option(NATRIX_FUZZ "build libFuzzer targets (clang)" OFF)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -Wimplicit-fallthrough -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of g++ 12 in optimised standard library code.
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
                      -Wno-array-bounds -Wno-maybe-uninitialized -Wno-dangling-pointer)
endif()
if(NATRIX_SANITIZE)
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1") # later flags win, so the level is set here, not in a preset
  add_compile_options(-fsanitize=${NATRIX_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NATRIX_SANITIZE})
endif()
if(NATRIX_SANITIZE MATCHES "thread")
  add_compile_options(-Wno-tsan)
endif()
if(NATRIX_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(NATRIX_CCACHE ccache)
if(NATRIX_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${NATRIX_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()
