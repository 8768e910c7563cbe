#pragma once

// Finds and replaces the fields of a request that say what it is about, in its serialized bytes.
// Nothing else is decoded: unknown fields and the order of everything else survive.

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "gitaly/method.h"

namespace praefect::gitaly {

// storage_name (2) and relative_path (3) of a gitaly.Repository. Views into the message given.
struct RepositoryRef {
  bool present = false;  // the message field is set
  std::string_view storage_name;
  std::string_view relative_path;
};

struct RequestTarget {
  RepositoryRef target;           // repository scope
  RepositoryRef additional;       // where the method has one
  std::string_view storage_name;  // storage scope
};

// InvalidArgument when `message` is not a well-formed protobuf message as far as it has to be read,
// or a storage name or path in it is not valid UTF-8. Where a field or sub-message occurs more than
// once, protobuf's rules hold: the last scalar wins, sub-messages merge, the last member of a oneof
// unsets the others. More than kMaxOccurrences of the fields looked for are refused: nobody sends
// them, and each may grow when it is rewritten.
inline constexpr size_t kMaxOccurrences = 256;
absl::StatusOr<RequestTarget> FindTarget(const Method& method, std::string_view message);

// What to put in place. An empty view leaves the field as it is. A field that is absent on the wire
// (which is how protobuf writes an empty string) is added, a message that is absent is not.
struct TargetRewrite {
  std::string_view storage_name;              // of target, additional and storage field
  std::string_view target_relative_path;      // replica path of the target
  std::string_view additional_relative_path;  // replica path of the additional repository
};

// `message` with the named fields replaced wherever they occur. Fails as FindTarget does. Only the
// target and additional repositories (also inside an object pool) and the storage field of `method`
// are touched.
absl::StatusOr<std::string> RewriteTarget(const Method& method, std::string_view message,
                                          const TargetRewrite& rewrite);

}  // namespace praefect::gitaly
