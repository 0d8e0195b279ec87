# How every translation unit is compiled: C++20 without extensions, warnings as errors, sanitizers by
# preset, ccache where it is installed.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)

option(ISOPOP_TESTS "Build the tests" ON)
set(ISOPOP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

# Line tables only: stacks stay readable and linking stays fast. Assertions are ours and always on.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(ISOPOP_CCACHE ccache)
if(ISOPOP_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ISOPOP_CCACHE}")
endif()

add_library(isopop_options INTERFACE)
target_include_directories(isopop_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(isopop_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Werror -fno-omit-frame-pointer)
# Designated initialisers leave out what keeps its default: that is their point.
target_compile_options(isopop_options INTERFACE -Wno-missing-field-initializers)
# GCC 12 reports these falsely inside inlined standard-library and coroutine code.
target_compile_options(isopop_options INTERFACE
  -Wno-maybe-uninitialized -Wno-mismatched-new-delete -Wno-stringop-overflow -Wno-restrict
  -Wno-array-bounds)
if(ISOPOP_SANITIZE)
  # vptr: the V8 of libnode is built without RTTI.
  add_compile_options(-fsanitize=${ISOPOP_SANITIZE} -fno-sanitize=vptr)
  add_link_options(-fsanitize=${ISOPOP_SANITIZE})
  if(ISOPOP_SANITIZE STREQUAL "thread")
    # Asio's fences are beyond the thread sanitizer; GCC says so at each of them.
    add_compile_options(-Wno-tsan)
  endif()
endif()
