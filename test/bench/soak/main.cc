// soak MINUTES [SEED]: a real Praefect with real nodes under mixed traffic and faults. Exit 1 when
// a call ended with a status that no fault allows, bytes were wrong, or the process grew. The same
// seed makes the same choices; what meets what is for the scheduler to say.

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <optional>
#include <random>
#include <string_view>
#include <thread>

#include "faults.h"
#include "growth.h"
#include "ledger.h"
#include "site.h"
#include "traffic.h"

namespace praefect::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kClients = 8;
constexpr auto kMeanPause = 600ms;  // of a client between two calls: all leave most of a core free
constexpr auto kMeanCalm = 3s;      // between two faults
constexpr int kCallsPerConnection = 40;  // in the mean
constexpr size_t kMoreDescriptors = 8;   // at the end than at the beginning, both without clients

template <typename Duration>
void PauseAbout(Duration mean, std::mt19937& random) {
  std::exponential_distribution<double> pause(1.0);
  std::this_thread::sleep_for(std::min(pause(random), 4.0) * mean);
}

void Work(const Site& site, Ledger& ledger, int number, uint32_t seed,
          const std::atomic<bool>& stop) {
  Client client(site, number, number % 3 == 2, seed);
  std::mt19937& random = client.random();
  std::vector<double> weights;
  for (const Kind& kind : Kinds()) weights.push_back(kind.weight);
  std::discrete_distribution<size_t> next(weights.begin(), weights.end());
  while (!stop) {
    if (random() % kCallsPerConnection == 0) client.Reconnect();
    const Kind& kind = Kinds()[next(random)];
    const auto begin = Clock::now();
    ledger.Judge(kind.name, kind.allowed, begin, kind.run(client));
    PauseAbout(kMeanPause, random);
  }
}

// Every kind once, so that a short run has all of them, and all that is allocated once is there.
void WarmUp(const Site& site, Ledger& ledger, uint32_t seed) {
  for (const bool tls : {false, true}) {
    Client client(site, tls ? -1 : -2, tls, seed);
    for (const Kind& kind : Kinds()) {
      const auto begin = Clock::now();
      ledger.Judge(kind.name, kind.allowed, begin, kind.run(client));
    }
  }
}

// Nothing of the clients is left, now that they are gone.
void CheckNothingIsLeft(const Site& site, Ledger& ledger) {
  for (const char* metric : {"gitaly_praefect_open_calls", "gitaly_praefect_client_connections",
                             "gitaly_praefect_buffered_bytes"}) {
    double left = 0;
    const bool none = test::Eventually([&] { return (left = site.Metric(metric)) == 0; }, 60s);
    if (!none) ledger.Fail(fmt::format("{} is {} without clients", metric, left));
  }
}

void LetFaultsHappen(Site& site, Ledger& ledger, std::mt19937& random, Clock::time_point end) {
  std::vector<const Fault*> deck;
  while (Clock::now() < end) {
    if (deck.empty()) {  // each once, in an order that is new every time
      for (const Fault& fault : Faults()) deck.push_back(&fault);
      std::shuffle(deck.begin(), deck.end(), random);
    }
    LetHappen(*deck.back(), site, ledger, random);
    deck.pop_back();
    PauseAbout(kMeanCalm, random);
  }
}

int Soak(double minutes, uint32_t seed) {
  fmt::print("seed {}\n", seed);
  std::mt19937 random(seed);
  Site site;
  Ledger ledger;
  WarmUp(site, ledger, random());
  CheckNothingIsLeft(site, ledger);
  const ProcessSize begin = SizeOf(site.pid());
  GrowthWatch growth(site.pid());
  std::atomic<bool> stop = false;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; i++) {
    clients.emplace_back(Work, std::cref(site), std::ref(ledger), i, random(), std::cref(stop));
  }
  try {
    const auto length = std::chrono::duration_cast<Clock::duration>(minutes * 60s);
    LetFaultsHappen(site, ledger, random, Clock::now() + length);
  } catch (const std::exception& error) {
    ledger.Fail(error.what());
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  growth.Stop();
  growth.Judge(ledger);
  CheckNothingIsLeft(site, ledger);
  const ProcessSize end = SizeOf(site.pid());
  if (end.descriptors > begin.descriptors + kMoreDescriptors) {
    ledger.Fail(fmt::format("{} descriptors without clients, {} at the beginning", end.descriptors,
                            begin.descriptors));
  }
  if (const auto exit_code = site.Stop(); exit_code != 0) {
    ledger.Fail(fmt::format("praefect ended with {}", exit_code.value_or(-1)));
  }
  fmt::print("{} calls\n{}{}", ledger.calls(), ledger.Summary(), growth.Summary());
  fmt::print(
      "  without clients        {:.1f} MiB and {} descriptors at the beginning, {:.1f} and {} at "
      "the end\n",
      static_cast<double>(begin.resident_bytes) / (1 << 20), begin.descriptors,
      static_cast<double>(end.resident_bytes) / (1 << 20), end.descriptors);
  const std::vector<std::string> failures = ledger.Failures();
  for (const std::string& failure : failures) fmt::print("FAILED: {}\n", failure);
  return failures.empty() ? 0 : 1;
}

template <typename Number>
bool Read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

int Main(int argc, char** argv) {
  double minutes = 0;
  uint32_t seed = std::random_device()();
  const bool understood = (argc == 2 || argc == 3) && Read(argv[1], minutes) && minutes > 0 &&
                          (argc == 2 || Read(argv[2], seed));
  if (!understood) {
    fmt::print(stderr, "usage: soak MINUTES [SEED]\n");
    return 2;
  }
  return Soak(minutes, seed);
}

}  // namespace
}  // namespace praefect::bench

int main(int argc, char** argv) {
  try {
    return praefect::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "soak: {}\n", error.what());
    return 2;
  }
}
