#include "config/document.h"

#include <catch2/catch.hpp>

#include "config/plain_text.h"
#include "config/precheck.h"

namespace praefect::config {
namespace {

SyntaxError Refused(const std::string& text) {
  const auto document = ParseDocument(text);
  REQUIRE(std::holds_alternative<SyntaxError>(document));
  return std::get<SyntaxError>(document);
}

Table Parsed(const std::string& text) {
  auto document = ParseDocument(text);
  REQUIRE(std::holds_alternative<Table>(document));
  return std::get<Table>(std::move(document));
}

std::string Repeat(const std::string& part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

}  // namespace

TEST_CASE("a document knows the line of each key") {
  const Table table = Parsed("a = 1\n\n[b]\nc = 'x'\n[[d]]\n[[d]]\ne = true\n");
  CHECK(table.Find("a")->value.line == 1);
  const auto& b = table.Find("b")->value;
  CHECK(b.line == 3);
  CHECK(std::get<Table>(b.data).Find("c")->value.line == 4);
  const auto& d = std::get<Array>(table.Find("d")->value.data);
  REQUIRE(d.size() == 2);
  CHECK(d[1].line == 6);
  CHECK(table.Find("z") == nullptr);
}

TEST_CASE("every kind of value has TOML's name") {
  const Table table = Parsed(
      "a='x'\nb=1\nc=1.5\nd=true\ne=2020-01-01\nf=[]\ng={}\nh=2020-01-01T00:00:00Z\ni=10:00:00");
  std::string types;
  for (const Entry& entry : table.entries) types += std::string(entry.value.type()) + " ";
  CHECK(types == "string integer float boolean time array table time time ");
}

TEST_CASE("a syntax error names its line and column") {
  const auto error = Refused("listen_addr = 'a'\nsocket_path = \n");
  CHECK(error.line == 2);
  CHECK(error.column > 0);
  CHECK_FALSE(error.message.empty());
}

TEST_CASE("a syntax error on the line of a secret quotes nothing of it") {
  const std::string text = GENERATE("token = hunter2hunter2", "password = 'hunter2' hunter2",
                                    "token = 'hunter2'hunter2'", "token = 99999999999999999999999",
                                    "token = \"hunter2\\q\"");
  const auto error = Refused(text + "\n");
  CHECK(error.line == 1);
  CHECK(error.message == "this line does not parse (not quoted here, it may hold a secret)");
}

TEST_CASE("what is no TOML is refused") {
  const std::string text =
      GENERATE("= 1", "[a", "a", "a = 1\na = 2", "[a]\n[a]", "a = \"\xff\"", "\xff\xfe", "a = 'b",
               "a = \"\"\"", "[[a]]\n[a]", "a = 1 b = 2");
  CHECK_FALSE(Refused(text).message.empty());
}

TEST_CASE("bytes that are no text are refused") {
  const std::string bytes = GENERATE("\xc3", "\xc3 x", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\x01",
                                     "\x7f", "\xf4\x90\x80\x80", "\xe2\x82", "\x80");
  const auto error = Refused("a = 'b'\n" + bytes);
  CHECK(error.line == 2);
  CHECK(error.message == "bytes that are not UTF-8, or a control character");
  CHECK(NotPlainTextAt(std::string_view("a\0", 2)) == 1);
  CHECK(NotPlainTextAt("\t\u00e9\u20ac\U0001F600\r\n") == std::nullopt);
}

TEST_CASE("what the library would stumble over is refused") {
  const std::string text =
      GENERATE("[=a]", "[[=a]]", "[\n", "[.a]", "a = [}", "a = [ , ]", "a = {]");
  CHECK_FALSE(Refused(text).message.empty());
}

TEST_CASE("characters outside ASCII stand in quotes and comments only") {
  const std::string text =
      GENERATE("\u00e9 = 1", "a = \u00e9", "a = 1 \ufeff", "[\u00e9]", "\u00a0a = 1");
  CHECK_FALSE(Refused(text).message.empty());
  CHECK(Parsed("# \u00e9\n\"\u00e9\" = '\u00e9'\n").Find("\u00e9") != nullptr);
}

TEST_CASE("a byte order mark, carriage returns and an empty file are fine") {
  CHECK(Parsed("").entries.empty());
  CHECK(Parsed("\xef\xbb\xbf"
               "a = 1\r\nb = 2\r\n")
            .entries.size() == 2);
}

TEST_CASE("deep nesting is refused before the library recurses") {
  const int deep = 100'000;
  CHECK(Refused("\na = " + Repeat("[", deep)).line == 2);
  CHECK(Refused("a = " + Repeat("{a=", deep)).message == "nested too deep");
  CHECK(Refused("a" + Repeat(".a", deep) + " = 1").message == "nested too deep");
  CHECK(Refused("[a" + Repeat(" . 'a.b'", deep) + "]").message == "nested too deep");
  CHECK(Refused("[[a" + Repeat(".\"a\"", deep) + "]]").message == "nested too deep");
}

TEST_CASE("dots and brackets in strings and comments nest nothing") {
  const std::string dots = Repeat("[.", 1000);
  CHECK(Parsed("# " + dots + "\na = '" + dots + "'\nb = \"\\\"" + dots + "\"").entries.size() == 2);
  CHECK(Parsed("a = '''\n'" + dots + "\n'''\nb = \"\"\"" + dots + "\"\"\"").entries.size() == 2);
  CHECK(Parsed("buckets = [" + Repeat("0.5, ", 1000) + "1.0]").entries.size() == 1);
  CHECK(Refused("a = '''\n\n'''\nb = " + Repeat("[", 50)).line == 4);
}

TEST_CASE("a document has at most a mebibyte") {
  const std::string comment = "#" + std::string(kMaxDocumentBytes - 1, 'x');
  CHECK(Parsed(comment).entries.empty());
  CHECK(Refused(comment + "x").message == "larger than 1048576 bytes");
}

}  // namespace praefect::config
