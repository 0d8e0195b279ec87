# Run at every build: cmake -DSOURCE=… -DOUTPUT=… -P write_build_commit.cmake
# Writes build_commit.cc with the commit of the checkout, and touches it only when that has changed.
# Where the sources come without their repository, as into an image, ISOPOP_COMMIT says it.
set(commit "unknown")
find_program(GIT git)
if(NOT "$ENV{ISOPOP_COMMIT}" STREQUAL "")
  set(commit "$ENV{ISOPOP_COMMIT}")
elseif(GIT)
  execute_process(COMMAND "${GIT}" -C "${SOURCE}" rev-parse --verify HEAD
    OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit "${head}")
    execute_process(COMMAND "${GIT}" -C "${SOURCE}" diff-index --quiet HEAD --
      OUTPUT_QUIET ERROR_QUIET RESULT_VARIABLE dirty)
    if(dirty)
      string(APPEND commit "-dirty")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [=[
#include "sim/report/build_commit.h"

namespace isopop::sim {

std::string_view build_commit() { return "@commit@"; }

}  // namespace isopop::sim
]=])
