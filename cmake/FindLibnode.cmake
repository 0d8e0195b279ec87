# Finds V8 as Debian's libnode-dev packages it, and gives the target Libnode::Libnode.
#
# Two places are looked at: the prefix that `./run setup` unpacks the packages into on machines where
# apt cannot install libnode-dev beside another Node.js, and the system. Headers of one Node.js with the
# library of another link and then corrupt memory, so the module version in the headers must be the
# number in the library's soname.

set(ISOPOP_LIBNODE_PREFIX "${CMAKE_SOURCE_DIR}/build/deps/libnode/usr" CACHE PATH
  "Where libnode-dev was unpacked")

if(EXISTS "${ISOPOP_LIBNODE_PREFIX}/include/node/v8.h")
  set(_libnode_roots "${ISOPOP_LIBNODE_PREFIX}")
else()
  set(_libnode_roots "/usr")
endif()

find_path(Libnode_INCLUDE_DIR v8.h PATHS "${_libnode_roots}/include/node" NO_DEFAULT_PATH)
find_library(Libnode_LIBRARY node
  PATHS "${_libnode_roots}/lib/${CMAKE_LIBRARY_ARCHITECTURE}" "${_libnode_roots}/lib" NO_DEFAULT_PATH)

if(Libnode_INCLUDE_DIR AND Libnode_LIBRARY)
  file(STRINGS "${Libnode_INCLUDE_DIR}/node_version.h" _libnode_line
    REGEX "^#define NODE_MODULE_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" _libnode_headers "${_libnode_line}")
  get_filename_component(_libnode_real "${Libnode_LIBRARY}" REALPATH)
  string(REGEX MATCH "[0-9]+$" _libnode_soname "${_libnode_real}")
  if(NOT _libnode_headers STREQUAL _libnode_soname)
    message(FATAL_ERROR
      "V8 headers in ${Libnode_INCLUDE_DIR} are of Node ABI ${_libnode_headers}, the library "
      "${_libnode_real} is of ABI ${_libnode_soname}. Run ./run setup.")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libnode
  REQUIRED_VARS Libnode_LIBRARY Libnode_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "V8 comes from Debian's libnode-dev: run ./run setup.")

if(Libnode_FOUND AND NOT TARGET Libnode::Libnode)
  add_library(Libnode::Libnode SHARED IMPORTED)
  set_target_properties(Libnode::Libnode PROPERTIES
    IMPORTED_LOCATION "${Libnode_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Libnode_INCLUDE_DIR}")
endif()
