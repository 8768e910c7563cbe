#include "net/resolver.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "looping.h"

namespace praefect::net {
namespace {

// Name servers that answer when they are told to. Shared with lookups that outlive the test.
struct Servers {
  Resolver::Addresses Answer(const std::string& host) {
    asked++;
    std::unique_lock lock(mutex);
    answering.wait(lock, [&] { return host.substr(0, 6) != "silent" || !silent; });
    return std::vector<SocketAddress>(host == "many" ? 100 : 1);
  }
  void SpeakUp() {
    const std::lock_guard lock(mutex);
    silent = false;
    answering.notify_all();
  }
  std::atomic<int> asked{0};
  std::mutex mutex;
  std::condition_variable answering;
  bool silent = true;
};

class Bench : public Looping {
 public:
  ~Bench() { servers_->SpeakUp(); }

  struct Asked {
    std::unique_ptr<Resolver::Request> request;
    std::optional<Resolver::Addresses> answer;
  };
  void Ask(const std::string& host, Asked& asked) {
    asked.request = resolver_.Resolve(
        loop, host, 8075, [&asked](Resolver::Addresses found) { asked.answer = std::move(found); });
  }
  Servers& servers() { return *servers_; }

 private:
  const std::shared_ptr<Servers> servers_ = std::make_shared<Servers>();
  Resolver resolver_{
      [servers = servers_](const std::string& host, uint16_t) { return servers->Answer(host); }};
};

TEST_CASE("a name that hangs holds nobody up") {
  Bench bench;
  std::vector<Bench::Asked> silent(20);
  for (size_t i = 0; i < silent.size(); i++) bench.Ask("silent" + std::to_string(i), silent[i]);
  Bench::Asked other;
  bench.Ask("other", other);
  bench.RunUntil([&] { return other.answer.has_value(); });
  CHECK(other.answer->ok());
  CHECK_FALSE(silent[0].answer.has_value());
}

TEST_CASE("who asks for the same name shares one lookup") {
  Bench bench;
  Bench::Asked first, second;
  bench.Ask("silent", first), bench.Ask("silent", second);
  bench.servers().SpeakUp();
  bench.RunUntil([&] { return first.answer.has_value() && second.answer.has_value(); });
  CHECK(bench.servers().asked == 1);
}

TEST_CASE("a name is looked up anew each time") {
  Bench bench;
  for (int i = 1; i <= 2; i++) {
    Bench::Asked asked;
    bench.Ask("other", asked);
    bench.RunUntil([&] { return asked.answer.has_value(); });
    CHECK(bench.servers().asked == i);
  }
}

TEST_CASE("who went is not told") {
  Bench bench;
  Bench::Asked went, stays;
  bench.Ask("silent", went), bench.Ask("silent", stays);
  went.request.reset();
  bench.servers().SpeakUp();
  bench.RunUntil([&] { return stays.answer.has_value(); });
  CHECK_FALSE(went.answer.has_value());
}

TEST_CASE("the names under way, and the addresses of one, are bounded") {
  Bench bench;
  Bench::Asked many, one_more;
  bench.Ask("many", many);
  bench.RunUntil([&] { return many.answer.has_value(); });
  CHECK((*many.answer)->size() == Resolver::kMaxAddresses);
  std::vector<Bench::Asked> silent(Resolver::kMaxLookups);
  for (size_t i = 0; i < silent.size(); i++) bench.Ask("silent" + std::to_string(i), silent[i]);
  bench.Ask("other", one_more);
  bench.RunUntil([&] { return one_more.answer.has_value(); });
  CHECK(absl::IsResourceExhausted(one_more.answer->status()));
}

TEST_CASE("the system's own lookup says what it could not find") {
  CHECK(Resolver::LookUp("localhost", 8075)->front().port() == 8075);
  const auto nothing = Resolver::LookUp("name.invalid", 8075);
  CHECK(nothing.status().message().substr(0, 31) == "cannot resolve \"name.invalid\": ");
}

}  // namespace
}  // namespace praefect::net
