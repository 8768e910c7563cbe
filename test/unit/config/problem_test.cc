#include "config/problem.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <sstream>
#include <type_traits>

#include "unit/config/loading.h"

namespace praefect::config {
namespace {

template <class T, class = void>
struct IsStreamable : std::false_type {};
template <class T>
struct IsStreamable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

template <class T>
constexpr bool kPrintable = IsStreamable<T>::value || fmt::is_formattable<T>::value;

}  // namespace

TEST_CASE("a problem reads FILE:LINE: KEY: MESSAGE (SUGGESTION)") {
  CHECK(Problem{"t.toml", 3, "auth.token", "is wrong", "write it right"}.ToString() ==
        "t.toml:3: auth.token: is wrong (write it right)");
  CHECK(Problem{"t.toml", 0, "", "cannot be read", ""}.ToString() == "t.toml: cannot be read");
}

TEST_CASE("nothing that holds secrets can be printed by accident") {
  STATIC_REQUIRE_FALSE(kPrintable<Config>);
  STATIC_REQUIRE_FALSE(kPrintable<VirtualStorage>);
  STATIC_REQUIRE_FALSE(kPrintable<Node>);
  STATIC_REQUIRE_FALSE(kPrintable<Auth>);
  STATIC_REQUIRE_FALSE(kPrintable<Database>);
}

TEST_CASE("no problem shows a secret") {
  const std::string secret = "hunter2";
  const std::string storages =
      "[[virtual_storage]]\nname='v'\n[[virtual_storage.node]]\nstorage='s'\naddress='x'\n"
      "token='hunter2'\n[[virtual_storage.node]]\nstorage='s'\ntoken=['hunter2']\n";
  const auto result = LoadFile(
      "[auth]\ntoken='hunter2'\n[database]\npassword='hunter2'\n"
      "passwort='hunter2'\nport='hunter2'\n" +
      storages);
  CHECK(result.errors.size() >= 5);
  CHECK_FALSE(Mentions(Printed(result), secret));
}

TEST_CASE("all problems are found at once, in upstream's order") {
  const auto result = LoadFile(
      "[failover]\nelection_strategy = 'x'\n[[virtual_storage]]\n[[virtual_storage.node]]\n");
  std::string keys;
  for (const Problem& problem : result.errors) keys += problem.key + " ";
  CHECK(keys ==
        "failover.election_strategy listen_addr virtual_storage[0].name "
        "virtual_storage[0].node[0].storage virtual_storage[0].node[0].address ");
  CHECK(result.headline == "validating config: invalid election strategy: \"x\"");
  CHECK_FALSE(result.config);
}

TEST_CASE("a problem stands on the line of its key, or of the nearest table above it") {
  const auto result = LoadStorages(
      "[[virtual_storage]]\nname = 'v'\n[[virtual_storage.node]]\nstorage = 's'\n"
      "[[virtual_storage.node]]\nstorage = 's'\naddress = 'tcp://h:1'\n");
  REQUIRE(result.errors.size() == 2);
  CHECK(
      result.errors[0].ToString() ==
      "t.toml:5: virtual_storage[0].node[0].address: virtual storage \"v\": all gitaly nodes must "
      "have an address (add address = \"tcp://HOST:8075\")");
  CHECK(result.errors[1].line == 8);
}

TEST_CASE("a file that is missing is named as Go names it") {
  const auto result = Load("missing.toml");
  CHECK(result.headline ==
        "error reading config file: open missing.toml: no such file or directory");
  CHECK(result.errors.size() == 1);
  CHECK(Mentions(Load("/").headline, "error reading config file: read /: is a directory"));
}

}  // namespace praefect::config
