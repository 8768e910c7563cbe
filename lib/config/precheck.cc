#include "config/precheck.h"

#include <algorithm>

#include "config/plain_text.h"

namespace praefect::config {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<Refusal> Run() {
    while (position_ < text_.size()) {
      Step();
      if (parts_ > kMaxKeyParts || depth_ > kMaxBracketDepth) {
        return Refusal{line_, "nested too deep"};
      }
    }
    return std::nullopt;
  }

 private:
  void Step() {
    const char c = text_[position_];
    switch (c) {
      case '#':
        return SkipComment();
      case '"':
      case '\'':
        return SkipString(c);
      case '.':
        ++parts_;
        break;
      case '[':
      case '{':
        ++depth_, parts_ = 1;
        break;
      case ']':
      case '}':
        depth_ = std::max(0, depth_ - 1), parts_ = 1;
        break;
      case '\n':
        ++line_, parts_ = 1;
        break;
      case '=':
      case ',':
        parts_ = 1;
        break;
      default:
        break;
    }
    ++position_;
  }

  void SkipComment() {
    while (position_ < text_.size() && text_[position_] != '\n') ++position_;
  }

  void SkipString(char quote) {
    const char triple[] = {quote, quote, quote};
    const std::string_view end(triple, 3);
    const bool multi_line = text_.substr(position_, 3) == end;
    position_ += multi_line ? 3 : 1;
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == '\n' && !multi_line) return;  // unterminated: the TOML library will say so
      if (c == '\n') ++line_;
      if (c == '\\' && quote == '"') {
        ++position_;
        if (position_ < text_.size() && text_[position_] == '\n') ++line_;
      } else if (multi_line ? text_.substr(position_, 3) == end : c == quote) {
        position_ += multi_line ? 3 : 1;
        return;
      }
    }
  }

  const std::string_view text_;
  size_t position_ = 0;
  int line_ = 1;
  int parts_ = 1;
  int depth_ = 0;
};

}  // namespace

std::optional<Refusal> Precheck(std::string_view text) {
  if (const auto line = NotPlainTextAt(text)) {
    return Refusal{*line, "bytes that are not UTF-8, or a control character"};
  }
  return Scanner(text).Run();
}

}  // namespace praefect::config
