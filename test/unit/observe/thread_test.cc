#include "observe/thread.h"

#include <catch2/catch.hpp>
#include <string>

namespace praefect::observe {
namespace {

TEST_CASE("a thread has its name before it works") {
  char name[16];
  int error = -1;
  StartThread("name-of-15bytes", [&] {
    error = pthread_getname_np(pthread_self(), name, sizeof name);
  }).join();
  REQUIRE(error == 0);
  CHECK(name == std::string("name-of-15bytes"));
}

}  // namespace
}  // namespace praefect::observe
