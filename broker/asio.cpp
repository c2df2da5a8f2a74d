// Asio and Beast are compiled here, once, for the whole broker (BOOST_{ASIO,BEAST}_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
