// lag [PUSHES]: from a push's answer to every replica current, in the books and on the disks,
// pushes one by one, with the embedded store and with PostgreSQL. On a machine that does nothing
// else. Exit 1 when the 99th percentile misses the bar.

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <string_view>

#include "books_watch.h"
#include "gitaly/repository.grpc.pb.h"
#include "gitaly/token.h"
#include "site.h"

namespace praefect::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kPushes = 200;
constexpr double kBarMs = 250;  // the 99th percentile
constexpr char kPath[] = "group/project.git";
constexpr auto kLongest = 60s;
constexpr auto kLook = 500us;

// A user's repository with as many commits as there are pushes.
class Pusher {
 public:
  Pusher(std::filesystem::path folder, std::string address)
      : folder_(std::move(folder)), address_(std::move(address)) {
    std::filesystem::create_directories(folder_);
    Git({"init", "--quiet"});
    Git({"remote", "add", "origin", std::string("praefect:") + kPath});
  }
  void Commit(int number) {
    test::WriteFile(folder_ / "file", fmt::format("{}\n", number));
    Git({"add", "file"});
    Git({"commit", "--quiet", "--message=next"});
  }
  void Push() { Git({"push", "--quiet", "origin", "main"}); }
  std::string Head() {
    std::string id = Git({"rev-parse", "HEAD"});
    id.erase(id.find_last_not_of('\n') + 1);
    return id;
  }

 private:
  std::string Git(std::vector<std::string> arguments) {
    const test::Outcome outcome = test::Git(arguments,
                                            {{"GIT_SSH_COMMAND", GIT_SSH_PROGRAM},
                                             {"PRAEFECT_ADDRESS", address_},
                                             {"PRAEFECT_TOKEN", crash::kClientToken},
                                             {"PRAEFECT_STORAGE", crash::kVirtualStorage}},
                                            folder_);
    if (outcome.exit_status != 0) throw std::runtime_error("git: " + outcome.error);
    return outcome.output;
  }

  const std::filesystem::path folder_;
  const std::string address_;
};

void Create(const std::string& address) {
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  context.AddMetadata("authorization",
                      gitaly::MakeAuthorization(crash::kClientToken, time(nullptr)));
  ::gitaly::CreateRepositoryRequest request;
  request.mutable_repository()->set_storage_name(crash::kVirtualStorage);
  request.mutable_repository()->set_relative_path(kPath);
  ::gitaly::CreateRepositoryResponse response;
  const grpc::Status status =
      ::gitaly::RepositoryService::NewStub(channel)->CreateRepository(&context, request, &response);
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

Milliseconds Until(const std::function<bool()>& condition, const char* what) {
  const auto begin = Clock::now();
  while (!condition()) {
    if (Clock::now() - begin > kLongest) throw std::runtime_error(fmt::format("never {}", what));
    std::this_thread::sleep_for(kLook);
  }
  return Clock::now() - begin;
}

double Percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

// The 99th percentile.
double Measure(const char* name, test::PostgresServer* postgres, int pushes) {
  const test::TemporaryDirectory directory;
  crash::Site site(directory.path(), postgres);
  BooksWatch books(site);
  Create(site.address(0));
  Pusher pusher(directory / "copy", site.address(0));
  std::vector<double> lags;
  for (int i = 0; i < pushes + 1; ++i) {
    pusher.Commit(i);
    Until([&] { return books.AllCurrent(); }, "current");
    pusher.Push();
    const Milliseconds lag = Until([&] { return books.AllCurrent(); }, "current");
    const std::string head = pusher.Head();
    for (size_t node = 0; node < site.nodes(); ++node) {
      if (site.node(node).Refs(kPath)["refs/heads/main"] != head) {
        throw std::runtime_error("a replica that is current does not have the push");
      }
    }
    if (i > 0) lags.push_back(lag.count());  // the first one makes the replicas
  }
  const double p99 = Percentile(lags, 0.99);
  fmt::print("| {} | {:.0f} | {:.0f} | {:.0f} | {} |\n", name, Percentile(lags, 0.5), p99,
             Percentile(lags, 1), p99 <= kBarMs ? "met" : "MISSED");
  if (const std::string ends = site.Stop(); !ends.empty()) throw std::runtime_error(ends);
  return p99;
}

int Main(int argc, char** argv) {
  int pushes = kPushes;
  const std::string_view text = argc > 1 ? argv[1] : "";
  if (argc > 2 ||
      (argc == 2 &&
       (std::from_chars(text.begin(), text.end(), pushes).ec != std::errc() || pushes < 1))) {
    fmt::print(stderr, "usage: lag [PUSHES]\n");
    return 2;
  }
  test::PostgresServer postgres;
  fmt::print(
      "{} pushes; from the answer until every replica is current, ms\n\n"
      "| Books | median | p99 | longest | p99 at most {:.0f} |\n"
      "| --- | ---: | ---: | ---: | --- |\n",
      pushes, kBarMs);
  const double embedded = Measure("embedded store", nullptr, pushes);
  const double shared = Measure("PostgreSQL, two Praefects", &postgres, pushes);
  return std::max(embedded, shared) <= kBarMs ? 0 : 1;
}

}  // namespace
}  // namespace praefect::bench

int main(int argc, char** argv) {
  try {
    return praefect::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "lag: {}\n", error.what());
    return 2;
  }
}
