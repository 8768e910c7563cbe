// crash ROUNDS [SEED]: real Praefects, nodes and databases under stock git and faults. Exit 1 when
// anything that a client was told is lost, replicas differ, or something does not come to an end.
// The same seed makes the same choices; what meets what is for the scheduler to say.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string_view>

#include "round.h"

namespace praefect::crash {
namespace {

namespace fs = std::filesystem;

struct Totals {
  Ledger::Counts counts;
  std::map<std::string, int> faults;
  int lost = 0, divergent = 0, failed = 0;
};

void Add(const RoundResult& round, Totals& totals) {
  totals.counts.acknowledged += round.counts.acknowledged;
  totals.counts.in_doubt += round.counts.in_doubt;
  totals.counts.created += round.counts.created;
  totals.counts.renamed += round.counts.renamed;
  totals.counts.removed += round.counts.removed;
  for (const auto& [name, count] : round.faults) totals.faults[name] += count;
  totals.lost += round.lost;
  totals.divergent += round.divergent;
  totals.failed += round.problems.empty() ? 0 : 1;
}

void Print(const Totals& totals, int rounds) {
  fmt::print("{} rounds, {} of them failed\n", rounds, totals.failed);
  for (const auto& [name, count] : totals.faults) fmt::print("  {:<36} {}\n", name, count);
  fmt::print("writes acknowledged {}, in doubt {}\n", totals.counts.acknowledged,
             totals.counts.in_doubt);
  fmt::print("repositories created {}, renamed {}, removed {}\n", totals.counts.created,
             totals.counts.renamed, totals.counts.removed);
  fmt::print("writes lost {}, divergent replicas {}\n", totals.lost, totals.divergent);
}

// What a round left, for people to look at.
fs::path Keep(const fs::path& directory, uint32_t seed) {
  const fs::path kept = fs::temp_directory_path() / fmt::format("praefect-crash-{}", seed);
  fs::remove_all(kept);
  fs::copy(directory, kept, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  return kept;
}

int Crash(int rounds, uint32_t seed) {
  Totals totals;
  std::unique_ptr<test::PostgresServer> postgres;
  for (int i = 0; i < rounds; ++i) {
    const uint32_t round_seed = seed + static_cast<uint32_t>(i);
    const bool with_postgres = round_seed % 2 == 1;
    if (with_postgres && !postgres) postgres = std::make_unique<test::PostgresServer>();
    const test::TemporaryDirectory directory;
    fmt::print("round {}, seed {}, {}\n", i + 1, round_seed,
               with_postgres ? "two Praefects with PostgreSQL" : "embedded store");
    std::fflush(stdout);
    const RoundResult round =
        RunRound(directory.path(), with_postgres ? postgres.get() : nullptr, round_seed);
    Add(round, totals);
    fmt::print("  {} acknowledged, {} in doubt, quiet after {:.1f} s\n", round.counts.acknowledged,
               round.counts.in_doubt, round.seconds_until_quiet);
    if (round.problems.empty()) continue;
    for (const std::string& problem : round.problems) fmt::print("  FAILED: {}\n", problem);
    fmt::print("  what it left: {}\n", Keep(directory.path(), round_seed).string());
    if (with_postgres) {
      test::WriteFile(Keep(directory.path(), round_seed) / "postgres.log", postgres->Log());
    }
    std::fflush(stdout);
  }
  Print(totals, rounds);
  return totals.failed == 0 ? 0 : 1;
}

template <typename Number>
bool Read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

int Main(int argc, char** argv) {
  int rounds = 0;
  uint32_t seed = std::random_device()();
  const bool understood = (argc == 2 || argc == 3) && Read(argv[1], rounds) && rounds > 0 &&
                          (argc == 2 || Read(argv[2], seed));
  if (!understood) {
    fmt::print(stderr, "usage: crash ROUNDS [SEED]\n");
    return 2;
  }
  return Crash(rounds, seed);
}

}  // namespace
}  // namespace praefect::crash

int main(int argc, char** argv) {
  try {
    return praefect::crash::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "crash: {}\n", error.what());
    return 2;
  }
}
