#include "figures.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "datastore/overview.h"
#include "datastore/route_cache.h"
#include "db/listener.h"
#include "measured_store.h"

namespace praefect::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

constexpr std::chrono::seconds kTime{3};  // of each measurement
constexpr int kSamples = 2'000;

void Row(std::string_view what, double value, std::string_view unit) {
  fmt::print("| {} | {:.0f} {} |\n", what, value, unit);
  std::fflush(stdout);
}

// Of times in milliseconds.
double P99(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() * 99 / 100];
}

double PerSecond(int threads, int each,
                 const std::function<void(int thread, int64_t number)>& once) {
  std::atomic<int64_t> count{0};
  std::vector<std::thread> running;
  const auto end = Clock::now() + kTime;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      for (int64_t number = 1; Clock::now() < end; ++number) {
        once(thread, number);
        count += each;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  return static_cast<double>(count) / duration<double>(kTime).count();
}

void Writes(MeasuredStore& measured, int instances, int batch) {
  std::vector<int64_t> ids;
  std::vector<std::mt19937> random;
  for (int i = 0; i < instances; ++i) {
    ids.push_back(measured.NewInstance());
    random.emplace_back(static_cast<uint32_t>(ids.back()));
  }
  const double rate = PerSecond(instances, batch, [&](int thread, int64_t number) {
    measured.WriteBatch(ids[thread], number, batch, random[thread]);
  });
  Row(fmt::format("{}: writes in batches of {}, {} instances", measured.engine(), batch, instances),
      rate, "/s");
}

// What every commit waits for at the least.
void Flush() {
  const test::TemporaryDirectory directory;
  const int fd = open((directory / "flushed").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot write a file");
  const std::string block(8'192, 'x');
  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    const auto begin = Clock::now();
    if (pwrite(fd, block.data(), block.size(), i * 8'192) < 0 || fdatasync(fd) != 0) {
      throw std::runtime_error("cannot flush a file");
    }
    times.push_back(duration<double, std::micro>(Clock::now() - begin).count());
  }
  close(fd);
  std::sort(times.begin(), times.end());
  Row("fdatasync of 8 KiB, median", times[times.size() / 2], "us");
  Row("fdatasync of 8 KiB, p99", times[times.size() * 99 / 100], "us");
}

// As it is run in earnest, where tests do without.
test::PostgresServerOptions Durable() {
  test::PostgresServerOptions options;
  options.settings = {{"fsync", "on"}, {"full_page_writes", "on"}, {"shared_buffers", "256MB"}};
  return options;
}

void CachedRoute() {
  datastore::RouteCache cache({}, datastore::NowSinceBoot);
  for (int64_t id = 1; id <= 10'000; ++id) {
    cache.EndQuery(cache.BeginQuery(), {"default", fmt::format("{}.git", id)},
                   std::make_shared<datastore::RoutedRepository>(datastore::Repository{.id = id}));
  }
  std::vector<datastore::RepositoryName> names;
  for (int id = 1; id <= 1'000; ++id) names.push_back({"default", fmt::format("{}.git", id * 7)});
  const auto begin = Clock::now();
  size_t found = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    if (i % 10'000 == 0) cache.Prove(datastore::NowSinceBoot());
    found += cache.Get(names[i % names.size()]) != nullptr;
  }
  if (found != 1'000'000) throw std::runtime_error("a route was not cached");
  Row("cached route", duration<double, std::nano>(Clock::now() - begin).count() / 1e6, "ns");
}

void UncachedRoutes(MeasuredStore& measured) {
  std::mt19937 random(1);
  std::vector<double> times;
  for (int i = 0; i < kSamples; ++i) {
    const datastore::RepositoryName name{
        "default", fmt::format("{}.git", static_cast<int64_t>(random()) % measured.repositories)};
    const auto begin = Clock::now();
    Get<std::optional<datastore::Repository>>(
        [&](auto done) { measured.store->Find(name, InMinutes(1), std::move(done)); });
    times.push_back(duration<double, std::milli>(Clock::now() - begin).count());
  }
  Row(fmt::format("{}: uncached route among {} repositories, p99", measured.engine(),
                  measured.repositories),
      P99(std::move(times)) * 1'000, "us");
}

void Jobs(MeasuredStore& measured) {
  measured.LetJobsBeReady();
  const int64_t instance = measured.NewInstance();
  const double rate =
      PerSecond(1, 1, [&](int, int64_t number) { measured.RunJob(instance, number); });
  Row(fmt::format("{}: jobs taken and completed with {} ready", measured.engine(),
                  measured.repositories),
      rate, "/s");
}

// What an operator asks for, with every replica on c behind.
void Overviews(MeasuredStore& measured) {
  datastore::Overview overview(*measured.database);
  const auto row = [&](std::string_view what, const std::function<void()>& ask) {
    const auto begin = Clock::now();
    ask();
    Row(fmt::format("{}: {} of {} repositories", measured.engine(), what, measured.repositories),
        duration<double, std::milli>(Clock::now() - begin).count(), "ms");
  };
  row("replicas by what they hold", [&] {
    Get<std::vector<datastore::ReplicaCounts>>(
        [&](auto done) { overview.Replicas(InMinutes(1), std::move(done)); });
  });
  row("jobs by state", [&] {
    Get<std::vector<datastore::JobCounts>>(
        [&](auto done) { overview.Jobs(InMinutes(1), std::move(done)); });
  });
  for (const auto& [healthy, what] :
       {std::pair<std::string, std::string>{"a", "none unavailable"}, {"c", "100 unavailable"}}) {
    row(what, [&, &healthy = healthy] {
      Get<std::vector<datastore::Unavailable>>([&](auto done) {
        overview.UnavailableOn("default", {healthy}, 0, 100, InMinutes(1), std::move(done));
      });
    });
  }
}

// From handing an open to the database until a listener hears of it.
void Notifications(MeasuredStore& measured) {
  Silence log;
  std::atomic<int64_t> heard{0};
  std::promise<void> connected;
  db::ListenerOptions options;
  options.endpoint = measured.options.endpoint;
  options.channels = {datastore::kChangesChannel};
  const db::ListenerEvents events{.connected = [&] { connected.set_value(); },
                                  .notified = [&](const auto&, const auto&) { ++heard; },
                                  .disconnected = [](const db::Error&) {}};
  const auto listener = db::Listen(options, events, *measured.database, log);
  connected.get_future().get();
  const int64_t instance = measured.NewInstance();
  std::mt19937 random(1);
  std::vector<double> times;
  for (int i = 1; i <= kSamples / 4; ++i) {
    const int64_t before = heard;
    const auto begin = Clock::now();
    measured.WriteBatch(instance, i, 1, random);
    while (heard == before) std::this_thread::yield();
    times.push_back(duration<double, std::milli>(Clock::now() - begin).count());
  }
  Row("notification of an open, p99, its write included", P99(std::move(times)) * 1'000, "us");
}

void Measure(MeasuredStore& measured) {
  measured.Fill(100'000);
  for (const int instances : {1, 3}) {
    const bool shared = measured.database->engine() == db::Engine::kPostgres;
    for (const int batch : {1, 16, 64}) {
      if (instances == 1 || shared) Writes(measured, instances, batch);
    }
  }
}

}  // namespace

void PrintFigures() {
  fmt::print("| What | Figure |\n| --- | --- |\n");
  Flush();
  CachedRoute();
  test::PostgresServer server(Durable());
  for (test::PostgresServer* where : {&server, static_cast<test::PostgresServer*>(nullptr)}) {
    MeasuredStore writes(where);
    Measure(writes);
    if (where != nullptr) Notifications(writes);
    for (const int64_t repositories : {10'000, 1'000'000}) {
      MeasuredStore filled(where);
      filled.Fill(repositories);
      UncachedRoutes(filled);
      Jobs(filled);
    }
    MeasuredStore status(where);
    status.Fill(100'000);
    status.LetJobsBeReady();
    Overviews(status);
  }
}

}  // namespace praefect::bench
