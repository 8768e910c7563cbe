#pragma once

// What requests to one node say of it and of us. For one thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "config/address.h"

namespace praefect::proxy {

class NodeHeading {
 public:
  // `address` nullptr: a service of our own.
  explicit NodeHeading(const config::Address* address);

  std::string_view authority() const { return authority_; }
  // The value of `authorization`, made anew when the second or the token is another one; empty
  // without a token. Lives until the next call.
  std::string_view Authorization(std::string_view token, int64_t now_unix_seconds);

 private:
  const std::string authority_;
  std::string token_, authorization_;
  int64_t made_at_ = 0;
};

}  // namespace praefect::proxy
