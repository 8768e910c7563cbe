#pragma once

// Names to addresses, with a deadline: getaddrinfo has none, and libpq would call it inside of its
// "non-blocking" functions.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace praefect::db {

struct Resolved {
  std::vector<std::string> addresses;  // numeric, in the order of getaddrinfo
  std::string error;                   // why there is none
};

// Thread-safe. At most one thread per name is ever waiting for the system's resolver: who asks for
// the same name meanwhile waits for its answer.
class Resolver {
 public:
  Resolver();
  ~Resolver();  // does not wait for lookups that hang

  Resolved Resolve(const std::string& name, std::chrono::steady_clock::time_point deadline);

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace praefect::db
