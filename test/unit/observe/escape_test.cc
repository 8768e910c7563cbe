#include "observe/escape.h"

#include <catch2/catch.hpp>

namespace praefect::observe {
namespace {

std::string Text(std::string_view value) {
  std::string out;
  AppendTextValue(out, value);
  return out;
}

std::string Json(std::string_view value) {
  std::string out;
  AppendJsonString(out, value);
  return out;
}

TEST_CASE("text values without anything special stay bare") {
  for (const char* value : {"WriteRef", "/gitaly.RefService/Find_all-1", "a@b^c+d", ""}) {
    CHECK(Text(value) == value);
  }
}

TEST_CASE("text values with anything else are quoted") {
  CHECK(Text("127.0.0.1:9190") == R"("127.0.0.1:9190")");
  CHECK(Text("two words") == R"("two words")");
  CHECK(Text("k=v") == R"("k=v")");
  CHECK(Text("straße") == R"("straße")");
}

TEST_CASE("what would break a line is escaped") {
  CHECK(Text("a\nb\r\tc") == R"("a\nb\r\tc")");
  CHECK(Text("say \"hi\" \\ bye") == R"("say \"hi\" \\ bye")");
  CHECK(Text(std::string_view("\0\x1b[31m\x7f", 7)) == R"("\x00\x1b[31m\x7f")");
  CHECK(Json("a\nb\r\tc\"\\") == R"("a\nb\r\tc\"\\")");
  CHECK(Json(std::string_view("\0\x1b\x7f", 3)) == R"("\u0000\u001b\u007f")");
}

TEST_CASE("for a terminal only what harms it is escaped") {
  std::string out = "> ";
  AppendPrintable(out, "say \"straße\" \\ a\nb\x1b[31m\xff\u202e");
  CHECK(out == "> say \"straße\" \\ a\\nb\\x1b[31m\\xff\\u202e");
}

TEST_CASE("bytes that are no UTF-8 are shown one by one") {
  const std::string_view malformed[] = {"\xff",         "\xc0\xaf",         "\xe2\x82",
                                        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80",
                                        "\x80"};
  for (const std::string_view bytes : malformed) {
    std::string text = "\"", json = "\"";
    for (const char byte : bytes) {
      text += "\\x";
      text += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
      text += "0123456789abcdef"[byte & 15];
      json += "\xef\xbf\xbd";
    }
    CHECK(Text(bytes) == text + '"');
    CHECK(Json(bytes) == json + '"');
  }
}

TEST_CASE("characters that disguise a line are shown as numbers") {
  CHECK(Text("a\u202eb\u2028c\u0085d\ufeff") == R"("a\u202eb\u2028c\u0085d\ufeff")");
  CHECK(Json("a\u202eb") == R"("a\u202eb")");
  CHECK(Json("😀é") == "\"😀é\"");
}

TEST_CASE("a cut never splits a character") {
  CHECK(CutAtCharacter("abc", 3) == "abc");
  CHECK(CutAtCharacter("abcd", 3) == "abc");
  CHECK(CutAtCharacter("a€b", 3) == "a");
  CHECK(CutAtCharacter("a€b", 4) == "a€");
  CHECK(CutAtCharacter("\x80\x80\x80\x80\x80\x80", 5).size() >= 2);
}

}  // namespace
}  // namespace praefect::observe
