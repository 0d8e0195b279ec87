// The one place that compiles Asio's and Beast's non-template code (separate compilation).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
