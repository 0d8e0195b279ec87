# Everything the project takes from elsewhere, in one place. All are Debian packages, listed in
# docker/packages.txt; V8 is found by FindLibnode.cmake.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED)
# Module mode first: Debian ships no config file for protobuf, and gRPC's asks for the targets.
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nanoflann CONFIG REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)  # headers alone
find_package(SQLite3 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(Libnode REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(GeographicLib REQUIRED IMPORTED_TARGET geographiclib)
pkg_check_modules(libmaxminddb REQUIRED IMPORTED_TARGET libmaxminddb)
pkg_check_modules(libseccomp REQUIRED IMPORTED_TARGET libseccomp)

# Beast and Asio without the parts nobody here uses; the separate-compilation forms are in
# common/event_loop, so that each unit does not compile all of Asio anew.
add_library(isopop_boost INTERFACE)
target_link_libraries(isopop_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(isopop_boost INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_ARRAY BOOST_ASIO_DISABLE_BOOST_BIND BOOST_ASIO_DISABLE_BOOST_REGEX)

if(ISOPOP_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
  include(GoogleTest)
endif()
