#include "net/event_loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>

namespace praefect::net {
namespace {

TEST_CASE("timers fire in the order of their times, not of their starts") {
  EventLoop loop;
  std::string order;
  Timer late(loop, [&] { order += "c", loop.Stop(); });
  Timer middle(loop, [&] { order += "b"; });
  Timer early(loop, [&] { order += "a"; });
  late.Start(20), middle.Start(10), early.Start(1);
  loop.Run();
  CHECK(order == "abc");
}

TEST_CASE("a timer that starts itself again lets descriptors have their turn") {
  EventLoop loop;
  uint64_t round = ~uint64_t{0};
  int fired = 0;
  Timer again(loop, [&] {
    CHECK(loop.round() != round);
    round = loop.round();
    if (++fired == 10) return loop.Stop();
    again.Start(0);
  });
  again.Start(0);
  loop.Run();
  CHECK(fired == 10);
}

TEST_CASE("a stopped timer does not fire, whatever its place among others") {
  EventLoop loop;
  int fired = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 100; i++) {
    timers.push_back(std::make_unique<Timer>(loop, [&] { fired++; }));
    timers.back()->Start((i * 37) % 11);
  }
  for (size_t i = 0; i < 100; i += 2) timers[i]->Stop();
  Timer end(loop, [&] { loop.Stop(); });
  end.Start(30);
  loop.Run();
  CHECK(fired == 50);
}

TEST_CASE("a timer may destroy itself while it fires") {
  EventLoop loop;
  auto timer = std::make_unique<Timer>(loop, [] {});
  timer = std::make_unique<Timer>(loop, [&] { timer.reset(), loop.Stop(); });
  timer->Start(0);
  loop.Run();
  CHECK(timer == nullptr);
}

TEST_CASE("posted work runs on the loop's thread, in order, also when it was posted before Stop") {
  EventLoop loop;
  std::string order;
  std::thread other([&] {
    for (char c = 'a'; c <= 'e'; c++) loop.Post([&order, c] { order += c; });
    loop.Stop();
  });
  loop.Run();
  other.join();
  CHECK(order == "abcde");
}

struct Recorder final : RoundEndTask {
  explicit Recorder(std::string& t) : told(t) {}
  void AtRoundEnd() override { told += "end "; }
  std::string& told;
};

TEST_CASE("what is queued for the end of a round runs once, after the round") {
  EventLoop loop;
  std::string told;
  Recorder task(told);
  loop.Post([&] { loop.QueueRoundEnd(task), loop.QueueRoundEnd(task), told += "work "; });
  Timer stop(loop, [&] { loop.Stop(); });
  stop.Start(5);
  loop.Run();
  CHECK(told == "work end ");
}

TEST_CASE("a forgotten task is not touched again") {
  EventLoop loop;
  std::string told;
  auto task = std::make_unique<Recorder>(told);
  loop.QueueRoundEnd(*task);
  loop.ForgetRoundEnd(*task);
  task.reset();
  loop.Post([&] { loop.Stop(); });
  loop.Run();
  CHECK(told.empty());
}

TEST_CASE("a watcher tells of data, and again for as long as some is left") {
  EventLoop loop;
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  REQUIRE(write(ends[1], "ab", 2) == 2);
  std::string got;
  {
    Watcher watcher(loop, ends[0], [&](bool readable, bool) {
      char c;
      if (readable && read(ends[0], &c, 1) == 1) got += c;
      if (got.size() == 2) loop.Stop();
    });
    watcher.Want(true, false);
    loop.Run();
  }
  CHECK(got == "ab");
  close(ends[0]), close(ends[1]);
}

}  // namespace
}  // namespace praefect::net
