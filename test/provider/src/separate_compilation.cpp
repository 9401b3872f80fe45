// Asio and Beast as separately compiled code, in this one place: every other file compiles faster.

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
