#ifndef __clang__  // g++ 12 with sanitizers sees this in the regular expressions of Catch2
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
