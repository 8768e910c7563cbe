#include "daemon/supervision.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "support/process.h"

namespace praefect::daemon {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using std::chrono::milliseconds;

// A process, and a service manager that writes down what it is told.
class Supervised {
 public:
  void Start(milliseconds watchdog = {}) {
    supervision_.emplace(Supervisor{[this](const std::string& lines) { Note(lines); }, watchdog},
                         Supervision::Sources{[this] { return StatusFacts{.open_calls = calls}; },
                                              [this] { return probed.load(); },
                                              [this](auto) { return loops_live.load(); }},
                         *logger_);
    supervision_->Start();
  }
  Supervision& supervision() { return *supervision_; }

  std::vector<std::string> Told() {
    observe::MutexLock lock(mutex_);
    return told_;
  }
  bool Hears(const std::string& lines, milliseconds longest = std::chrono::seconds(20)) {
    return test::Eventually([&] { return Position(lines) < Told().size(); }, longest);
  }
  // Of the first message that begins with `lines`.
  size_t Position(const std::string& lines) {
    const auto told = Told();
    return std::find_if(told.begin(), told.end(),
                        [&](const auto& one) { return one.substr(0, lines.size()) == lines; }) -
           told.begin();
  }
  size_t Count(const std::string& lines) {
    const auto told = Told();
    return std::count(told.begin(), told.end(), lines);
  }

  std::atomic<bool> probed{true}, loops_live{true};
  std::atomic<int> calls{0};

 private:
  void Note(const std::string& lines) {
    observe::MutexLock lock(mutex_);
    told_.push_back(lines);
  }
  observe::Mutex mutex_;
  std::vector<std::string> told_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<observe::Logger> logger_ =
      observe::MakeLogger({.level = observe::Level::kFatal});
  std::optional<Supervision> supervision_;
};

TEST_CASE("the status is one line") {
  CHECK(StatusLine({.nodes_up = 3, .nodes = 3, .open_calls = 12}) ==
        "serving; 3 of 3 nodes up; 12 calls open");
  CHECK(StatusLine({.not_ready = "two\nlines", .nodes = 1}) ==
        "not ready: two lines; 0 of 1 nodes up; 0 calls open");
  CHECK_THAT(StatusLine({.stopping = true, .not_ready = "it"}), StartsWith("stopping; "));
  CHECK_THAT(StatusLine({.last_reload_failed = true}), Contains("the last reload failed"));
}

TEST_CASE_METHOD(Supervised, "it is ready once the nodes were probed") {
  probed = false;
  Start();
  CHECK(Hears("STATUS="));
  CHECK(Count("READY=1") == 0);
  probed = true;
  CHECK(Hears("READY=1"));
}

TEST_CASE_METHOD(Supervised, "it is ready some time later although nothing is known of the nodes") {
  probed = false;
  Start();
  CHECK(Hears("READY=1"));
}

TEST_CASE_METHOD(Supervised, "a reload is announced with its time, and ready again") {
  Start();
  REQUIRE(Hears("READY=1"));
  supervision().Reloading();
  supervision().Reloaded();
  CHECK(Hears("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(test::Eventually([&] { return Count("READY=1") == 2; }));
}

TEST_CASE_METHOD(Supervised, "stopping is announced with the time that it may take") {
  Start();
  REQUIRE(Hears("READY=1"));
  supervision().Stopping(std::chrono::seconds(60));
  supervision().Stop();
  CHECK(Told().back() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=70000000");
}

TEST_CASE_METHOD(Supervised, "who stops while it starts does not become ready") {
  probed = false;
  Start();
  supervision().Stopping(std::chrono::seconds(60));
  CHECK(Hears("STOPPING=1"));
  probed = true;
  supervision().Stop();
  CHECK(Count("READY=1") == 0);
}

TEST_CASE_METHOD(Supervised, "the status is told when it changes, and only then") {
  Start();
  REQUIRE(Hears("STATUS=serving; 0 of 0 nodes up; 0 calls open"));
  calls = 3;
  CHECK(Hears("STATUS=serving; 0 of 0 nodes up; 3 calls open"));
  CHECK(Count("STATUS=serving; 0 of 0 nodes up; 0 calls open") == 1);
}

TEST_CASE_METHOD(Supervised, "signs of life come while the event loops live") {
  Start(milliseconds(60));
  CHECK(test::Eventually([&] { return Count("WATCHDOG=1") >= 3; }));
}

TEST_CASE_METHOD(Supervised, "a loop that hangs ends the signs of life") {
  loops_live = false;
  Start(milliseconds(60));
  REQUIRE(Hears("READY=1"));
  calls = 1;  // told a round later
  REQUIRE(Hears("STATUS=serving; 0 of 0 nodes up; 1 calls open"));
  CHECK(Count("WATCHDOG=1") == 0);
}

}  // namespace
}  // namespace praefect::daemon
