#include "gitaly/metadata.h"

#include <absl/strings/escaping.h>

#include <catch2/catch.hpp>
#include <set>

namespace praefect::gitaly {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

TEST_CASE("gitaly-servers is written as Gitaly reads it") {
  const StorageServers servers = {{"gitaly-1", {"tcp://10.0.0.1:8075", "secret"}}};
  CHECK(EncodeGitalyServers(servers) ==
        absl::Base64Escape(R"({"gitaly-1":{"address":"tcp://10.0.0.1:8075","token":"secret"}})"));
}

TEST_CASE("gitaly-servers survives the round trip") {
  const StorageServers servers = {
      {"", {"", ""}}, {"a\"b", {"unix:/x", "\u00fc\n"}}, {"default", {"tls://h:1", "t"}}};
  const auto decoded = DecodeGitalyServers(EncodeGitalyServers(servers));
  REQUIRE(decoded.ok());
  CHECK(*decoded == servers);
}

TEST_CASE("gitaly-servers may lack a token and have more members") {
  const auto decoded =
      DecodeGitalyServers(absl::Base64Escape(R"({"s":{"address":"tcp://h:1","more":[1]}})"));
  REQUIRE(decoded.ok());
  CHECK(decoded->at("s") == StorageServer{"tcp://h:1", ""});
}

TEST_CASE("broken gitaly-servers are refused without quoting them") {
  for (const std::string& value :
       {std::string("%%%"), absl::Base64Escape("secret"), absl::Base64Escape("[]"),
        absl::Base64Escape(R"({"s":"secret"})"), absl::Base64Escape(R"({"s":{"token":7}})"),
        absl::Base64Escape(R"({"s":{"token":"secret"})"), absl::Base64Escape("\xFF\xFE"),
        std::string()}) {
    INFO(value);
    const auto decoded = DecodeGitalyServers(value);
    CHECK(decoded.status() ==
          absl::InvalidArgumentError("gitaly-servers is not base64 of a JSON object of storages"));
  }
}

TEST_CASE("a correlation id is a ULID of its time") {
  std::mt19937_64 random(1);
  // The example time of the ULID specification.
  const std::string id =
      MakeCorrelationId(system_clock::time_point(milliseconds(1469918176385)), random);
  CHECK(id.size() == 26);
  CHECK(id.substr(0, 10) == "01ARYZ6S41");
  CHECK(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ") == std::string::npos);
}

TEST_CASE("correlation ids of one moment differ") {
  std::mt19937_64 random(1);
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(MakeCorrelationId(system_clock::time_point(), random));
  CHECK(ids.size() == 1000);
}

}  // namespace
}  // namespace praefect::gitaly
