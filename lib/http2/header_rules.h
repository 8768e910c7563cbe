#pragma once

// What RFC 9113, section 8, asks of a header block. A block that breaks a rule is malformed and
// ends its stream with PROTOCOL_ERROR. One difference: spaces around a value are let pass, because
// gRPC servers send grpc-message as it is.

#include <cstdint>
#include <string_view>

namespace praefect::http2 {

class HeaderRules {
 public:
  enum class Block { kRequest, kResponse, kTrailers };
  static constexpr int64_t kNoLength = -1;

  explicit HeaderRules(Block block = Block::kTrailers) : block_(block) {}

  // The next field. `bytes_allowed`: what AreBytesAllowed says of it is known to be true. False:
  // the block is malformed (and stays so).
  bool Accept(std::string_view name, std::string_view value, bool bytes_allowed);
  // Whether no byte of a field is one that it may not have, a pseudo-header field's as well.
  static bool AreBytesAllowed(std::string_view name, std::string_view value);
  // After the last field.
  bool Complete() const;

  // Of content-length; kNoLength: not said, or of no meaning for this answer.
  int64_t content_length() const;
  // A response with a status of 1xx: another one follows.
  bool informational() const { return status_ / 100 == 1; }

 private:
  bool AcceptPseudo(std::string_view name, std::string_view value);
  bool AcceptRegular(std::string_view name, std::string_view value);

  Block block_;
  bool regular_ = false;  // a field without a colon has come
  bool malformed_ = false;
  uint8_t seen_ = 0;  // pseudo-header fields, as bits
  bool connect_ = false;
  int status_ = 0;
  int64_t content_length_ = kNoLength;
};

}  // namespace praefect::http2
