#pragma once

// What protobuf itself says about a request and its target: lib/gitaly works on the serialized
// bytes and has to agree.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <memory>
#include <string>
#include <string_view>

#include "gitaly/method.h"
#include "gitaly/target.h"

namespace praefect::test {

class RewriteOracle {
 public:
  RewriteOracle();

  const google::protobuf::Descriptor* RequestType(const gitaly::Method& method) const;

  // Finds and rewrites the target in `bytes` and in the parsed message. Empty when both agree, else
  // what is wrong. Bytes that protobuf does not parse only have to be survived.
  std::string Disagreement(const gitaly::Method& method, std::string_view bytes,
                           const gitaly::TargetRewrite& rewrite);

  // Whether protobuf takes `bytes` as a request of `method`.
  bool Parses(const gitaly::Method& method, std::string_view bytes);

 private:
  std::unique_ptr<google::protobuf::Message> Parse(const gitaly::Method& method,
                                                   std::string_view bytes);

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

}  // namespace praefect::test
