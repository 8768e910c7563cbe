// Random requests of every method: lib/gitaly's view of the bytes against protobuf's own.

#include <catch2/catch.hpp>
#include <random>

#include "gitaly/wire.h"
#include "support/rewrite_oracle.h"

namespace praefect::gitaly {
namespace {

namespace pb = google::protobuf;
using Lite = pb::FieldDescriptor;

constexpr uint64_t kSeed = 20190807;
constexpr int kRequestsPerMethod = 40;
constexpr int kMaxDepth = 4;

// Writes messages of a type as nobody's library does, and yet well-formed: fields in any order and
// more than once, unknown fields and groups, known numbers with a wrong wire type, padded lengths.
class WireGenerator {
 public:
  explicit WireGenerator(uint64_t seed) : random_(seed) {}

  std::string Message(const pb::Descriptor* type, int depth = 0) {
    std::string bytes;
    for (int i = Below(depth == 0 ? 8 : 5); i > 0; --i) {
      if (type->field_count() == 0 || Below(8) == 0) {
        AppendUnknown(bytes);
      } else {
        AppendField(type->field(Below(type->field_count())), depth, bytes);
      }
    }
    return bytes;
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint64_t>(bound)); }

  void AppendTag(int number, int wire_type, std::string& out) {
    AppendVarint(static_cast<uint64_t>(number) << 3 | static_cast<uint64_t>(wire_type), out);
  }

  void AppendBytes(std::string_view value, std::string& out) {
    AppendVarint(value.size(), out);
    if (Below(8) == 0) {  // the same length in one byte more
      out.back() = static_cast<char>(out.back() | 0x80);
      out.push_back('\0');
    }
    out.append(value);
  }

  void AppendUnknown(std::string& out) {
    const int number = 1000 + Below(100);
    switch (Below(4)) {
      case 0:
        AppendTag(number, 0, out);
        return AppendVarint(random_(), out);
      case 1:
        AppendTag(number, 2, out);
        return AppendBytes(Text(), out);
      case 2:
        AppendTag(number, 5, out);
        out.append("four");
        return;
      default:
        AppendTag(number, 3, out);
        AppendTag(1, 2, out);
        AppendBytes(Text(), out);
        AppendTag(number, 4, out);
    }
  }

  void AppendField(const pb::FieldDescriptor* field, int depth, std::string& out) {
    if (Below(16) == 0) {
      AppendTag(field->number(), 1, out);
      out.append("wrong wi");
    } else if (field->message_type() != nullptr) {
      if (depth == kMaxDepth) return;
      AppendTag(field->number(), 2, out);
      AppendBytes(Message(field->message_type(), depth + 1), out);
    } else if (field->type() == Lite::TYPE_STRING || field->type() == Lite::TYPE_BYTES) {
      AppendTag(field->number(), 2, out);
      AppendBytes(Text(), out);
    } else if (field->type() == Lite::TYPE_FLOAT) {
      AppendTag(field->number(), 5, out);
      out.append("four");
    } else {
      AppendTag(field->number(), 0, out);
      AppendVarint(static_cast<uint64_t>(Below(300)), out);
    }
  }

  std::string Text() {
    constexpr std::string_view kTexts[] = {"", "default", "a/b.git", "\u00fc",
                                           "@pools/aa/bb/cc.git"};
    return Below(10) == 0 ? std::string(static_cast<size_t>(Below(300)), 'x')
                          : std::string(kTexts[Below(5)]);
  }

  std::mt19937_64 random_;
};

TEST_CASE("finding and rewriting agree with protobuf on every method") {
  const auto registry = MethodRegistry::Build();
  REQUIRE(registry.ok());
  test::RewriteOracle oracle;
  WireGenerator generator(kSeed);
  const std::string longer(200, 'n');
  const TargetRewrite rewrites[] = {
      {"gitaly-1", "", ""}, {longer, "@cluster/repositories/6b/86/1", "q"}, {"", "p", ""}, {}};
  int parsed = 0;
  for (const Method& method : (*registry)->methods()) {
    if (method.path == "/gitaly.InternalGitaly/BackupRepos") continue;  // a list, not served
    for (int i = 0; i < kRequestsPerMethod; ++i) {
      const std::string bytes = generator.Message(oracle.RequestType(method));
      parsed += oracle.Parses(method, bytes) ? 1 : 0;
      const std::string wrong = oracle.Disagreement(method, bytes, rewrites[i % 4]);
      if (!wrong.empty()) FAIL(method.path << ": " << wrong);
    }
  }
  CHECK(parsed > 9'000);
}

}  // namespace
}  // namespace praefect::gitaly
