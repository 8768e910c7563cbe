#include "round.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "client.h"
#include "faults.h"
#include "site.h"

namespace praefect::crash {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kClients = 4;
constexpr int kFaults = 4;
constexpr auto kCalm = 700ms;  // at most, before a fault and after the last
constexpr auto kLongestUntilQuiet = 60s;
constexpr auto kLook = 200ms;

class Round {
 public:
  Round(const std::filesystem::path& directory, test::PostgresServer* postgres, uint32_t seed)
      : random_(seed), site_(directory, postgres) {
    std::vector<std::string> addresses;
    for (size_t i = 0; i < site_.praefects(); ++i) addresses.push_back(site_.address(i));
    for (int i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<Client>(i, directory / fmt::format("client-{}", i),
                                                  addresses, ledger_, weather_, random_()));
    }
  }

  RoundResult Run() {
    std::vector<std::thread> threads;
    for (const auto& client : clients_) {
      threads.emplace_back([&client, this] {
        try {
          client->Work();
        } catch (const std::exception& error) {
          ledger_.Fail(error.what());
        }
      });
    }
    try {
      LetFaultsHappen();
    } catch (const std::exception& error) {
      ledger_.Fail(error.what());
    }
    weather_.stop = true;
    for (std::thread& thread : threads) thread.join();
    Quiesce();
    if (ledger_.Failures().empty() || quiet_) JudgeDisks();
    result_.counts = ledger_.counts();
    for (const std::string& failure : ledger_.Failures()) result_.problems.push_back(failure);
    for (const std::string& error : site_.Errors()) {
      if (!IsExplained(error)) result_.problems.push_back(error);
    }
    if (const std::string ends = site_.Stop(); !ends.empty()) result_.problems.push_back(ends);
    return std::move(result_);
  }

 private:
  void Calm() {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(random_() % std::chrono::milliseconds(kCalm).count()));
  }

  void LetFaultsHappen() {
    std::vector<const Fault*> deck;
    for (const Fault& fault : Faults()) {
      if (!fault.needs_postgres || site_.has_postgres()) deck.push_back(&fault);
    }
    std::shuffle(deck.begin(), deck.end(), random_);
    std::this_thread::sleep_for(kCalm);  // there is something to lose
    for (int i = 0; i < kFaults; ++i) {
      Calm();
      fmt::print("    {}\n", deck[i]->name);
      ++result_.faults[deck[i]->name];
      const auto& explains = deck[i]->explains;
      explained_.insert(explained_.end(), explains.begin(), explains.end());
      deck[i]->run(site_, weather_, random_);
    }
    Calm();
  }

  bool IsExplained(const std::string& error) const {
    return std::any_of(explained_.begin(), explained_.end(),
                       [&](const std::string& begin) { return error.starts_with(begin); });
  }

  void Quiesce() {
    const auto begin = Clock::now();
    std::string unfinished = "?";
    // Twice in a row: what is settled between two looks may leave a job.
    for (int quiet = 0; quiet < 2;) {
      try {
        unfinished = site_.Unfinished();
      } catch (const std::exception& error) {
        unfinished = error.what();
      }
      quiet = unfinished.empty() ? quiet + 1 : 0;
      if (Clock::now() - begin > kLongestUntilQuiet) break;
      std::this_thread::sleep_for(kLook);
    }
    const std::chrono::duration<double> took = Clock::now() - begin;
    result_.seconds_until_quiet = took.count();
    quiet_ = unfinished.empty();
    if (!quiet_) ledger_.Fail("not quiet: " + unfinished);
  }

  void JudgeDisks() {
    Shown shown;
    try {
      for (const std::string& name : ledger_.AllNames()) shown[name] = clients_.front()->Show(name);
      const Verdict verdict = Judge(ledger_.All(), site_.Disks(), shown);
      result_.lost = verdict.lost;
      result_.divergent = verdict.divergent;
      result_.problems = verdict.problems;
    } catch (const std::exception& error) {
      ledger_.Fail(error.what());
    }
  }

  std::mt19937 random_;
  Site site_;
  Ledger ledger_;
  Weather weather_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::string> explained_;  // errors, by how they begin
  RoundResult result_;
  bool quiet_ = false;
};

}  // namespace

RoundResult RunRound(const std::filesystem::path& directory, test::PostgresServer* postgres,
                     uint32_t seed) {
  return Round(directory, postgres, seed).Run();
}

}  // namespace praefect::crash
