# Functions that every list file uses, so that a target is one call.
#
#   isopop_library(isopop_router_geo
#     SOURCES geo_index.cc geo_index.h
#     DEPENDS isopop_geo isopop_result
#     PRIVATE_DEPENDS GeographicLib::GeographicLib)
#
#   isopop_program(isopop-router SOURCES main.cc DEPENDS isopop_router_http)
#
#   isopop_test(router_geo_test LABEL unit SOURCES geo_index_test.cc DEPENDS isopop_router_geo)
#     LABEL: unit | integration | e2e | engine | hostile | conformance   TIMEOUT: seconds, default 60
#     Tests of the label engine run alone: each starts containers, which take all cores there are.
#     One label a program: with two, gtest_discover_tests silently drops TIMEOUT.
#
#   isopop_bench(common_hash_bench SOURCES hash_bench.cc DEPENDS isopop_hash)
#
#   isopop_add_folders()   every folder here that has a list file, in order of name

function(isopop_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(sources ${ARG_SOURCES})
  set(headers ${ARG_SOURCES})
  list(FILTER sources EXCLUDE REGEX "\\.h$")
  list(FILTER headers INCLUDE REGEX "\\.h$")
  if(sources)
    set(scope PUBLIC)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC isopop_options ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
  else()
    set(scope INTERFACE)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE isopop_options ${ARG_DEPENDS})
  endif()
  # As a header set, each header is compiled alone by the target all_verify_interface_header_sets.
  if(headers)
    target_sources(${name} ${scope}
      FILE_SET HEADERS BASE_DIRS "${CMAKE_SOURCE_DIR}" FILES ${headers})
  endif()
endfunction()

function(isopop_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE isopop_options ${ARG_DEPENDS})
endfunction()

function(isopop_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE isopop_options ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    ISOPOP_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ISOPOP_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  set(alone FALSE)
  if(ARG_LABEL STREQUAL engine)
    set(alone TRUE)
  endif()
  gtest_discover_tests(${name}
    DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} RUN_SERIAL ${alone})
endfunction()

function(isopop_bench name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE isopop_options ${ARG_DEPENDS} benchmark::benchmark)
  target_compile_definitions(${name} PRIVATE
    ISOPOP_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ISOPOP_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bench")
endfunction()

function(isopop_add_folders)
  file(GLOB list_files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt")
  list(SORT list_files)
  foreach(list_file IN LISTS list_files)
    get_filename_component(folder "${list_file}" DIRECTORY)
    add_subdirectory("${folder}")
  endforeach()
endfunction()
