#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

// Boost.Asio under the name every adapter uses. Asio and Beast are compiled once, in asio_impl.cc;
// a unit that includes them still costs seconds, so only adapters do.
namespace isopop {

namespace asio = boost::asio;

}  // namespace isopop
