#include "observe/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include "observe/line_writer.h"
#include "support/process.h"

namespace praefect::observe {
namespace {

// A logger that writes into a pipe.
class LogPipe {
 public:
  explicit LogPipe(Level level = Level::kInfo, Format format = Format::kText) {
    REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0);
    logger_ = MakeLogger(LoggerOptions{.format = format, .level = level, .fd = ends_[1]});
  }
  ~LogPipe() {
    logger_.reset();
    CloseReader();
    close(ends_[1]);
  }

  Logger& logger() { return *logger_; }
  void CloseReader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }
  // What comes until `enough`, or the end, or five seconds of silence.
  template <typename Enough>
  std::string ReadUntil(Enough enough) {
    std::string text;
    std::array<char, 4096> piece;
    pollfd readable{ends_[0], POLLIN, 0};
    while (!enough(text) && poll(&readable, 1, 5'000) > 0) {
      const ssize_t n = read(ends_[0], piece.data(), piece.size());
      if (n <= 0) break;
      text.append(piece.data(), n);
    }
    return text;
  }
  std::string Read(std::string_view until) {
    return ReadUntil(
        [&](const std::string& text) { return text.find(until) != std::string::npos; });
  }
  void SkipLines(size_t count) {
    size_t seen_bytes = 0, lines = 0;
    ReadUntil([&](const std::string& text) {
      lines += std::count(text.begin() + seen_bytes, text.end(), '\n');
      seen_bytes = text.size();
      return lines >= count;
    });
  }
  // Destroys the logger and reads to the end.
  std::string Finish() {
    std::string text;
    std::thread reader([&] { text = Read("no such text"); });
    logger_.reset();
    close(ends_[1]);
    reader.join();
    ends_[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return text;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  std::unique_ptr<Logger> logger_;
};

TEST_CASE("what is below the level is not written") {
  LogPipe log(Level::kWarn);
  log.logger().Info("quiet");
  log.logger().Warn("loud", {{"storage", "gitaly-1"}});
  const std::string text = log.Finish();
  CHECK(text.find("quiet") == std::string::npos);
  CHECK(text.find("level=warning msg=loud storage=gitaly-1") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("lines that wait for others come in their order") {
  LogPipe log;
  log.logger().WriteWithOthers(Level::kInfo, "first", {});
  log.logger().Info("second");
  const std::string text = log.Read("msg=second");
  CHECK(text.find("msg=first") < text.find("msg=second"));
  CHECK(text.find("msg=second") != std::string::npos);
}

TEST_CASE("a line that waits for others comes without anything else happening") {
  LogPipe log;
  for (const char* message : {"alone", "again"}) {
    log.logger().WriteWithOthers(Level::kInfo, message, {});
    CHECK(log.Read(message).find(message) != std::string::npos);
  }
}

TEST_CASE("JSON is a format") {
  LogPipe log(Level::kInfo, Format::kJson);
  log.logger().Info("hello", {{"n", int64_t{7}}});
  const std::string text = log.Finish();
  CHECK(text.find(R"("msg":"hello")") != std::string::npos);
  CHECK(text.find(R"("n":7})") != std::string::npos);
}

TEST_CASE("lines of many threads appear whole and in the order of each") {
  constexpr int kThreads = 4, kLines = 2'000;
  LogPipe log;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&log, thread] {
      for (int64_t line = 0; line < kLines; ++line) {
        log.logger().Info("x", {{"thread", int64_t{thread}}, {"line", line}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = log.Finish();
  std::map<int, int> next;
  for (size_t at = 0; (at = text.find("thread=", at)) != std::string::npos; ++at) {
    int thread = -1, line = -1;
    REQUIRE(sscanf(text.c_str() + at, "thread=%d line=%d pid=", &thread, &line) == 2);
    REQUIRE(line == next[thread]++);
  }
  for (int thread = 0; thread < kThreads; ++thread) CHECK(next[thread] == kLines);
}

TEST_CASE("a reader that went away costs lines, not the process") {
  LogPipe log;
  log.CloseReader();
  log.logger().Log(Level::kFatal, "into the void");
  const LogLosses losses = log.logger().losses();
  CHECK(losses.lost_lines == 1);
  CHECK(losses.write_errors == 1);
}

TEST_CASE("a full disk costs lines, not the process") {
  const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  {
    const std::unique_ptr<Logger> logger = MakeLogger(LoggerOptions{.fd = fd});
    logger->Log(Level::kFatal, "no room");
    CHECK(logger->losses() == LogLosses{.lost_lines = 1, .write_errors = 1});
  }
  close(fd);
}

TEST_CASE("a stalled reader makes nobody wait, and learns later what it missed") {
  LogPipe log;
  const std::string value(1'000, 'x');
  const size_t lines = 2 * LineWriter::kMaxBufferedBytes / value.size();
  for (size_t i = 0; i < lines; ++i) log.logger().Info("burst", {{"value", value}});
  const uint64_t lost = log.logger().losses().lost_lines;
  CHECK(lost > 0);
  log.SkipLines(lines - lost);
  log.logger().Warn("after");
  const std::string text = log.Finish();
  CHECK(text.find("msg=\"log lines were lost\" lost_lines=") != std::string::npos);
  CHECK(text.find("msg=after") != std::string::npos);
}

TEST_CASE("a line that a stall cut in two spoils no other line") {
  LogPipe log;
  const std::string value(kMaxValueBytes, 'x');  // a line is longer than what a pipe takes whole
  const size_t lines = 2 * LineWriter::kMaxBufferedBytes / value.size();
  for (size_t i = 0; i < lines; ++i) log.logger().Info("burst", {{"value", value}});
  REQUIRE(test::Eventually([&] { return log.logger().losses().write_errors > 0; }));
  std::thread after([&] { log.logger().Warn("after"); });
  after.join();
  std::istringstream text(log.Finish());
  for (std::string line; std::getline(text, line);) {
    CHECK(line.find("time=", 1) == std::string::npos);
  }
}

TEST_CASE("the level can be changed under way") {
  LogPipe log;
  log.logger().SetLevel(Level::kError);
  CHECK_FALSE(log.logger().Enabled(Level::kWarn));
  log.logger().SetLevel(Level::kDebug);
  log.logger().Debug("now");
  CHECK(log.Finish().find("msg=now") != std::string::npos);
}

// A logger that writes into a file.
struct LogFile {
  void Open() {
    auto opened = OpenLogger({}, path);
    REQUIRE(opened.ok());
    logger = *std::move(opened);
  }
  void Say(std::string_view what) { logger->Log(Level::kFatal, what); }  // waits for the file
  bool Holds(const std::string& file, const std::string& what) {
    return test::ReadFile(folder / file).find("msg=" + what) != std::string::npos;
  }

  test::TemporaryDirectory folder;
  const std::string path = folder / "log";
  std::unique_ptr<Logger> logger;
};

TEST_CASE_METHOD(LogFile, "a file is appended to, and others may not read it") {
  test::WriteFile(path, "earlier\n");
  Open();
  Say("hello");
  CHECK_THAT(test::ReadFile(path), Catch::StartsWith("earlier\n") && Catch::Contains("msg=hello"));
  std::filesystem::remove(path);
  Open();
  struct stat made {};
  REQUIRE(stat(path.c_str(), &made) == 0);
  CHECK((made.st_mode & 07137) == 0);
}

TEST_CASE_METHOD(LogFile, "a file that was renamed gets no more lines once it is reopened") {
  Open();
  Say("first");
  std::filesystem::rename(path, folder / "log.1");
  Say("second");
  CHECK(logger->Reopen().ok());
  Say("third");
  CHECK((Holds("log.1", "first") && Holds("log.1", "second") && !Holds("log.1", "third")));
  CHECK((Holds("log", "third") && !Holds("log", "second")));
}

TEST_CASE_METHOD(LogFile, "reopening that fails names the file and keeps the old one") {
  Open();
  std::filesystem::rename(path, folder / "log.1");
  std::filesystem::create_directory(path);
  const absl::Status reopened = logger->Reopen();
  CHECK_THAT(std::string(reopened.message()),
             Catch::Contains(path) && Catch::Contains("directory"));
  Say("still here");
  CHECK(test::ReadFile(folder / "log.1").find("still here") != std::string::npos);
}

TEST_CASE_METHOD(LogFile, "a full disk is counted, and writing goes on with what has room") {
  std::filesystem::create_symlink("/dev/full", path);
  Open();
  Say("lost");
  std::filesystem::remove(path);
  CHECK(logger->Reopen().ok());
  Say("found");
  CHECK(logger->losses() == LogLosses{.lost_lines = 1, .write_errors = 1});
  CHECK((Holds("log", "found") && !Holds("log", "lost")));
}

TEST_CASE_METHOD(LogFile, "a file that cannot be opened is an error that names it") {
  const std::string where = folder / "missing" / "log";
  const auto opened = OpenLogger({}, where);
  REQUIRE_FALSE(opened.ok());
  CHECK_THAT(std::string(opened.status().message()),
             Catch::Contains(where) && Catch::Contains("No such file"));
}

TEST_CASE_METHOD(LogFile, "a pipe that nobody reads does not hang the start") {
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK_FALSE(OpenLogger({}, path).ok());
}

TEST_CASE("names of levels and formats") {
  CHECK(ParseLevel("warn") == Level::kWarn);
  CHECK(ParseLevel("warning") == Level::kWarn);
  CHECK(ParseLevel("fatal") == Level::kFatal);
  CHECK_FALSE(ParseLevel("WARN"));
  CHECK(ParseFormat("json") == Format::kJson);
  CHECK(ParseFormat("text") == Format::kText);
  CHECK_FALSE(ParseFormat(""));
}

}  // namespace
}  // namespace praefect::observe
