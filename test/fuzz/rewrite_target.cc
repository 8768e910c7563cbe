// The rewriter of first messages under libFuzzer. Byte 0 of an input is the method's place in the
// registry, byte 1 says what is rewritten, the rest is the request. What protobuf parses has to
// mean to us what it means to protobuf; anything else only has to be survived.

#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <iostream>

#include "support/rewrite_oracle.h"

namespace {

using praefect::gitaly::Method;
using praefect::gitaly::MethodRegistry;
using praefect::gitaly::TargetRewrite;

struct Fixture {
  // Protobuf reports every string that is no UTF-8, on standard error.
  Fixture() { google::protobuf::SetLogHandler(nullptr); }

  std::unique_ptr<const MethodRegistry> registry = MethodRegistry::Build().value();
  praefect::test::RewriteOracle oracle;
};

TargetRewrite ChooseRewrite(uint8_t choice) {
  static const std::string kLong(200, 'n');
  TargetRewrite rewrite;
  if ((choice & 1) != 0) rewrite.storage_name = "gitaly-1";
  if ((choice & 2) != 0) rewrite.storage_name = kLong;
  if ((choice & 4) != 0) rewrite.target_relative_path = "@cluster/repositories/6b/86/1";
  if ((choice & 8) != 0) rewrite.additional_relative_path = "q";
  return rewrite;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Fixture fixture;
  if (size < 2) return 0;
  const auto methods = fixture.registry->methods();
  const Method& method = methods[data[0] % methods.size()];
  if (method.name == "BackupRepos") return 0;  // names a list of repositories; not served
  const std::string_view request(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string wrong = fixture.oracle.Disagreement(method, request, ChooseRewrite(data[1]));
  if (wrong.empty()) return 0;
  std::cerr << method.path << ": " << wrong << std::endl;
  abort();
}
