#include "gitaly/target.h"

#include <catch2/catch.hpp>

namespace praefect::gitaly {
namespace {

using namespace std::literals;

Method Targeting(FieldPath target, FieldPath additional = {}) {
  Method method;
  method.target_repository = std::move(target);
  method.additional_repository = std::move(additional);
  return method;
}

Method Storing(FieldPath storage) {
  Method method;
  method.scope = Scope::kStorage;
  method.storage = std::move(storage);
  return method;
}

std::string Field(int number, std::string_view value) {
  REQUIRE(value.size() < 128);
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(value.size())} +
         std::string(value);
}

std::string Repository(std::string_view storage, std::string_view path) {
  return Field(2, storage) + Field(3, path);
}

RequestTarget Find(const Method& method, std::string_view message) {
  const auto found = FindTarget(method, message);
  REQUIRE(found.ok());
  return *found;
}

std::string Rewrite(const Method& method, std::string_view message,
                    const TargetRewrite& rewrite = {"node", "", ""}) {
  const auto rewritten = RewriteTarget(method, message, rewrite);
  REQUIRE(rewritten.ok());
  return *rewritten;
}

bool Refused(const Method& method, std::string_view message) {
  const auto found = FindTarget(method, message);
  const auto rewritten = RewriteTarget(method, message, {"node", "p", "q"});
  CHECK(found.status() == rewritten.status());
  return found.status().code() == absl::StatusCode::kInvalidArgument;
}

TEST_CASE("a repository is found and gets its storage replaced") {
  const std::string request = Field(1, Repository("default", "a.git")) + Field(2, "revision");
  const RequestTarget found = Find(Targeting({1}), request);
  CHECK(found.target.present);
  CHECK(found.target.storage_name == "default");
  CHECK(found.target.relative_path == "a.git");
  CHECK_FALSE(found.additional.present);
  CHECK(Rewrite(Targeting({1}), request) ==
        Field(1, Repository("node", "a.git")) + Field(2, "revision"));
}

TEST_CASE("a replica path takes the place of the relative path") {
  const std::string request = Field(1, Repository("default", "a.git"));
  CHECK(Rewrite(Targeting({1}), request, {"node", "@cluster/repositories/6b/86/1", ""}) ==
        Field(1, Repository("node", "@cluster/repositories/6b/86/1")));
}

TEST_CASE("a repository inside an object pool is found, and the additional one beside it") {
  const Method method = Targeting({2, 1}, {1});
  const std::string request = Field(1, Repository("default", "fork.git")) +
                              Field(2, Field(1, Repository("default", "@pools/p.git")));
  CHECK(Find(method, request).target.relative_path == "@pools/p.git");
  CHECK(Find(method, request).additional.relative_path == "fork.git");
  CHECK(Rewrite(method, request, {"node", "pool", "fork"}) ==
        Field(1, Repository("node", "fork")) + Field(2, Field(1, Repository("node", "pool"))));
}

TEST_CASE("other repositories in the request stay as they are") {
  const std::string request =
      Field(1, Repository("default", "a.git")) + Field(2, Repository("default", "source.git"));
  CHECK(Rewrite(Targeting({1}), request) ==
        Field(1, Repository("node", "a.git")) + Field(2, Repository("default", "source.git")));
}

TEST_CASE("an absent field is added, an absent repository is not") {
  CHECK(Rewrite(Targeting({1}), Field(1, Field(3, "a.git"))) ==
        Field(1, Field(3, "a.git") + Field(2, "node")));
  CHECK(Rewrite(Targeting({1}), Field(1, ""), {"node", "p", ""}) ==
        Field(1, Repository("node", "p")));
  CHECK(Rewrite(Targeting({1}), Field(2, "x")) == Field(2, "x"));
  CHECK(Rewrite(Targeting({1, 1}), Field(1, "")) == Field(1, ""));
  CHECK_FALSE(Find(Targeting({1, 1}), Field(1, "")).target.present);
}

TEST_CASE("the storage of a storage-scoped request is replaced or added") {
  CHECK(Find(Storing({2}), Field(2, "default")).storage_name == "default");
  CHECK(Rewrite(Storing({2}), Field(2, "default") + Field(1, "x")) ==
        Field(2, "node") + Field(1, "x"));
  CHECK(Rewrite(Storing({2}), Field(1, "x")) == Field(1, "x") + Field(2, "node"));
  CHECK(Rewrite(Storing({2}), "") == Field(2, "node"));
}

TEST_CASE("an empty rewrite changes nothing") {
  const std::string request = "\x08\x01" + Field(1, Field(2, "default")) + Field(1, "");
  CHECK(Rewrite(Targeting({1}), request, {}) == request);
  CHECK(Rewrite(Storing({3}), request, {}) == request);
}

TEST_CASE("the last storage name wins, and repositories merge") {
  const std::string request = Field(1, Repository("a", "old") + Field(2, "b")) +
                              Field(1, Field(3, "new")) + Field(1, Field(2, "c"));
  const RequestTarget found = Find(Targeting({1}), request);
  CHECK(found.target.storage_name == "c");
  CHECK(found.target.relative_path == "new");
  CHECK(Find(Targeting({1}), Rewrite(Targeting({1}), request)).target.storage_name == "node");
}

TEST_CASE("a later member of the oneof takes the target away") {
  Method method = Targeting({1, 1});
  method.target_rivals = {2 << 3 | 2};
  const std::string header = Field(1, Field(1, Repository("default", "a.git")));
  CHECK(Find(method, Field(2, "action") + header).target.present);
  CHECK_FALSE(Find(method, header + Field(2, "action")).target.present);
  // The same number with another wire type is an unknown field.
  CHECK(Find(method, header + "\x10\x01").target.present);
}

TEST_CASE("unknown fields, groups and their order survive") {
  const std::string odd = "\x0B\x08\x01\x0C" + Field(15, "unknown") + "\x7D" + "abcd";
  const std::string request = odd + Field(2, odd + Repository("default", "p") + odd) + odd;
  CHECK(Rewrite(Targeting({2}), request) ==
        odd + Field(2, odd + Repository("node", "p") + odd) + odd);
}

TEST_CASE("lengths grow and shrink over the bounds of their encoding") {
  const std::string longer(300, 's');
  const std::string grown =
      Rewrite(Targeting({1, 1}), Field(1, Field(1, Repository("d", "p"))), {longer, "", ""});
  CHECK(Find(Targeting({1, 1}), grown).target.storage_name == longer);
  CHECK(Rewrite(Targeting({1, 1}), grown, {"d", "", ""}) ==
        Field(1, Field(1, Repository("d", "p"))));
}

TEST_CASE("malformed requests are refused") {
  const Method method = Targeting({1, 1});
  CHECK(Refused(method, "\x0A\x05x"));
  CHECK(Refused(method, Field(1, "\x0A\x05x")));
  CHECK(Refused(method, Field(1, Field(1, "\x12\x05x"))));
  CHECK(Refused(method, Field(1, Field(1, "\x0B"))));
  CHECK(Refused(method, Field(1, Field(1, Repository("d", "p"))) + "\xFF"));
  CHECK_FALSE(Refused(method, Field(2, "\xFF")));
}

TEST_CASE("names that are not UTF-8 are refused") {
  CHECK(Refused(Targeting({1}), Field(1, Repository("\xFF", "p"))));
  CHECK(Refused(Targeting({1}), Field(1, Repository("d", "\xC0\x80"))));
  CHECK(Refused(Storing({1}), Field(1, "\x80")));
  CHECK_FALSE(Refused(Targeting({1}), Field(1, Repository("d\u00fc", "p"))));
}

TEST_CASE("a request cannot make its rewrite grow without bound") {
  std::string request;
  for (size_t i = 0; i < kMaxOccurrences; ++i) request += Field(1, "");
  CHECK_FALSE(Refused(Targeting({1}), request));
  CHECK(Refused(Targeting({1}), request + Field(1, "")));
}

}  // namespace
}  // namespace praefect::gitaly
