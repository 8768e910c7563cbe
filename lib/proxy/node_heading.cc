#include "proxy/node_heading.h"

#include "gitaly/token.h"

namespace praefect::proxy {
namespace {

std::string AuthorityOf(const config::Address* address) {
  if (address == nullptr || address->kind == config::Address::Kind::kUnix) return "localhost";
  const bool six = address->host.find(':') != std::string::npos;
  const std::string host = six ? "[" + address->host + "]" : address->host;
  return host + ":" + std::to_string(address->port);
}

}  // namespace

NodeHeading::NodeHeading(const config::Address* address) : authority_(AuthorityOf(address)) {}

std::string_view NodeHeading::Authorization(std::string_view token, int64_t now_unix_seconds) {
  if (token.empty()) return {};
  if (made_at_ != now_unix_seconds || token_ != token) {
    token_ = token;
    made_at_ = now_unix_seconds;
    authorization_ = gitaly::MakeAuthorization(token, now_unix_seconds);
  }
  return authorization_;
}

}  // namespace praefect::proxy
