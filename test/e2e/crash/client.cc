#include "client.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <time.h>

#include <sstream>
#include <stdexcept>
#include <thread>

#include "gitaly/repository.grpc.pb.h"
#include "gitaly/token.h"
#include "site.h"

namespace praefect::crash {
namespace {

namespace fs = std::filesystem;
using ::gitaly::RepositoryService;

constexpr int kCommits = 2'000;
constexpr int kMostProjects = 5;        // of one client
constexpr int kLargeContent = 300'000;  // bytes that do not compress
constexpr std::chrono::seconds kCallTimeout{30};
constexpr std::chrono::milliseconds kPauseAfterFailure{50};
constexpr std::chrono::milliseconds kLookWhileResting{5};

// Counted before `rest` is looked at, so that nobody who rests is taken for busy, nor the reverse.
class Busy {
 public:
  explicit Busy(std::atomic<int>& busy) : busy_(busy) { ++busy_; }
  ~Busy() { --busy_; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic<int>& busy_;
};

std::map<std::string, std::string> Environment(const std::string& address) {
  return {{"GIT_SSH_COMMAND", GIT_SSH_PROGRAM},
          {"PRAEFECT_ADDRESS", address},
          {"PRAEFECT_TOKEN", kClientToken},
          {"PRAEFECT_STORAGE", kVirtualStorage}};
}

// One that comes back to a Praefect which was away as soon as it is there.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  constexpr int kLongestPauseMs = 200;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kLongestPauseMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestPauseMs);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Commits without a parent, for `git fast-import`; most are small.
std::string CommitStream(std::mt19937& random) {
  std::string stream;
  for (int i = 1; i <= kCommits; ++i) {
    std::string content = fmt::format("{} {}\n", i, random());
    while (i % 25 == 0 && content.size() < kLargeContent) content += static_cast<char>(random());
    stream += fmt::format(
        "reset refs/heads/tmp\ncommit refs/heads/tmp\nmark :{}\n"
        "committer Ada <ada@example.com> {} +0000\ndata 1\nx\nM 100644 inline file\ndata {}\n",
        i, 1'700'000'000 + i, content.size());
    stream += content + "\n";
  }
  return stream;
}

}  // namespace

Client::Client(int number, fs::path directory, std::vector<std::string> addresses, Ledger& ledger,
               Weather& weather, uint32_t seed)
    : number_(number),
      directory_(std::move(directory)),
      addresses_(std::move(addresses)),
      ledger_(ledger),
      weather_(weather),
      random_(seed) {
  fs::create_directories(directory_);
  for (const std::string& address : addresses_) channels_.push_back(ChannelTo(address));
  test::WriteFile(directory_ / "stream", CommitStream(random_));
  const test::Outcome made = test::Run(
      {{"/bin/sh", "-c",
        "git init --quiet --bare commits.git && git --git-dir=commits.git fast-import --quiet "
        "--export-marks=marks <stream && rm stream"},
       {{"HOME", "/nonexistent"}},
       directory_});
  if (made.exit_status != 0) throw std::runtime_error("git fast-import: " + made.error);
  std::istringstream marks(test::ReadFile(directory_ / "marks"));
  for (std::string mark, id; marks >> mark >> id;) commits_.push_back(id);
}

void Client::Work() {
  while (!weather_.stop) {
    if (const Busy busy(weather_.busy); !weather_.rest) {
      ActOnce();
      continue;
    }
    std::this_thread::sleep_for(kLookWhileResting);
  }
}

void Client::ActOnce() {
  struct Share {
    int of_hundred;
    Act act;
  };
  constexpr Share kShares[] = {{66, &Client::Push},    {10, &Client::Create},
                               {6, &Client::MoveHead}, {6, &Client::Rename},
                               {6, &Client::Remove},   {6, &Client::CreateAgain}};
  int dice = static_cast<int>(Chance(100));
  for (const Share& share : kShares) {
    dice -= share.of_hundred;
    if (dice < 0) return (this->*share.act)();
  }
}

int Client::Choose(bool own) {
  const std::vector<int> projects = ledger_.Usable(own ? number_ : -1);
  return projects.empty() ? -1 : projects[Chance(static_cast<uint32_t>(projects.size()))];
}

std::string Client::NextCommit() {
  if (commits_.empty()) throw std::runtime_error("a client has no commits left");
  std::string id = commits_.back();
  commits_.pop_back();
  return id;
}

test::Outcome Client::Git(std::vector<std::string> arguments, const std::string& address) const {
  std::vector<std::string> argv = {"timeout", "--signal=KILL",
                                   fmt::format("{}", weather_.patience_ms / 1000.0), "git",
                                   "--git-dir=" + (directory_ / "commits.git").string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  test::Command command;
  command.argv = std::move(argv);
  command.environment = Environment(address);
  command.environment.merge(std::map<std::string, std::string>{{"HOME", "/nonexistent"},
                                                               {"GIT_CONFIG_NOSYSTEM", "1"},
                                                               {"GIT_SSH_VARIANT", "ssh"},
                                                               {"GIT_TERMINAL_PROMPT", "0"}});
  return test::Run(std::move(command));
}

// ---- pushes
// --------------------------------------------------------------------------------------

void Client::Push() {
  const int project = Choose(Chance(3) != 0);
  if (project < 0) return Create();
  PushTo(project);
}

void Client::PushTo(int number) {
  Name& name = ledger_.Named(*ledger_.Get(number).names.begin());
  const std::shared_lock lock(name.in_use);
  const Project project = ledger_.Get(number);
  if (!project.usable() || *project.names.begin() != name.path) return;
  SendPush(number, name.path, NewUpdates(project));
}

Client::Updates Client::NewUpdates(const Project& project) {
  const std::string mine = fmt::format("{}t{}-", project.prefix(), number_);
  std::vector<std::string> known, deletable;
  for (const auto& [reference, state] : project.references) {
    if (!reference.starts_with(mine)) continue;
    known.push_back(reference);
    // One that may still be on its way could come after its deletion.
    if (!state.in_doubt && !state.kept.empty()) deletable.push_back(reference);
  }
  const auto any = [&](const std::vector<std::string>& of) {
    return of[Chance(static_cast<uint32_t>(of.size()))];
  };
  if (!deletable.empty() && Chance(10) == 0) return {{any(deletable), ""}};
  if (!known.empty() && Chance(8) == 0) {  // the same once more
    const std::string reference = any(known);
    const Reference& state = project.references.at(reference);
    if (!state.maybe.empty() && !state.maybe.contains("")) {
      return {{reference, *state.maybe.begin()}};
    }
  }
  Updates updates;
  if (!known.empty() && Chance(2) == 0) {
    const std::string reference = any(known);
    // What was deleted is not made again: an old push that made it could.
    if (!project.references.at(reference).kept.empty() ||
        project.references.at(reference).in_doubt) {
      updates.emplace_back(reference, NextCommit());
    }
  }
  if (updates.empty() || Chance(3) == 0) {
    updates.emplace_back(fmt::format("{}{}", mine, references_++), NextCommit());
  }
  return updates;
}

void Client::SendPush(int project, const std::string& path, const Updates& updates) {
  const std::string& address = addresses_[ChoosePraefect()];
  std::vector<std::string> arguments = {"push", "--quiet", "--force", "praefect:" + path};
  if (Chance(4) == 0) arguments.insert(arguments.begin() + 1, "--atomic");
  for (const auto& [reference, value] : updates) {
    ledger_.BeginPush(project, reference, value);
    arguments.push_back(value + ":" + reference);
  }
  const test::Outcome outcome = Git(arguments, address);
  for (const auto& [reference, value] : updates) {
    if (outcome.exit_status == 0) {
      ledger_.Pushed(project, reference, value);
    } else {
      ledger_.PushInDoubt(project, reference);
    }
  }
  if (outcome.exit_status != 0) std::this_thread::sleep_for(kPauseAfterFailure);
  if (outcome.exit_status == 0 && Chance(3) == 0) CheckShown(path, updates, address);
}

// Who was told of a write sees it, through the same Praefect at once.
void Client::CheckShown(const std::string& path, const Updates& updates,
                        const std::string& address) {
  const test::Outcome listed = Git({"ls-remote", "praefect:" + path}, address);
  if (listed.exit_status != 0) return;
  References shown;
  std::istringstream lines(listed.output);
  for (std::string id, name; lines >> id >> name;) shown[name] = id;
  for (const auto& [reference, value] : updates) {
    if (shown[reference] == value) continue;
    ledger_.Fail(fmt::format("stale: {} of {} is \"{}\" right after \"{}\" was pushed", reference,
                             path, shown[reference], value));
  }
}

// ---- names
// ---------------------------------------------------------------------------------------

void Client::Create() {
  if (ledger_.Usable(number_).size() >= kMostProjects) return Remove();
  Make(ledger_.NewName());
}

void Client::CreateAgain() {
  if (ledger_.Usable(number_).size() < kMostProjects) Make(ledger_.UsedName(Chance(1'000'000)));
}

void Client::Make(Name& name) {
  int project = -1;
  {
    const std::unique_lock lock(name.in_use);
    project = ledger_.Begin(number_, name.path);
    const grpc::StatusCode created = CallCreate(name.path);
    if (created == grpc::StatusCode::ALREADY_EXISTS) {
      ledger_.Fail(fmt::format("{} was removed or never made, and exists already", name.path));
    }
    if (created != grpc::StatusCode::OK) return;
    ledger_.Created(project);
  }
  PushTo(project);
}

std::unique_ptr<grpc::ClientContext> Client::Context() const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  context->AddMetadata("authorization", gitaly::MakeAuthorization(kClientToken, time(nullptr)));
  return context;
}

::gitaly::Repository Client::Repository(const std::string& path) const {
  ::gitaly::Repository repository;
  repository.set_storage_name(kVirtualStorage);
  repository.set_relative_path(path);
  return repository;
}

grpc::StatusCode Client::CallCreate(const std::string& path) {
  ::gitaly::CreateRepositoryRequest request;
  *request.mutable_repository() = Repository(path);
  ::gitaly::CreateRepositoryResponse response;
  const grpc::Status status = RepositoryService::Stub(channels_[ChoosePraefect()])
                                  .CreateRepository(Context().get(), request, &response);
  return status.error_code();
}

void Client::Rename() {
  const int project = Choose(true);
  if (project < 0) return Create();
  const std::string from = *ledger_.Get(project).names.begin();
  Name& to = Chance(2) == 0 ? ledger_.NewName() : ledger_.UsedName(Chance(1'000'000));
  const std::unique_lock lock(to.in_use);
  ledger_.BeginRename(project, to.path);
  ::gitaly::RenameRepositoryRequest request;
  *request.mutable_repository() = Repository(from);
  request.set_relative_path(to.path);
  ::gitaly::RenameRepositoryResponse response;
  const grpc::Status status = RepositoryService::Stub(channels_[ChoosePraefect()])
                                  .RenameRepository(Context().get(), request, &response);
  if (status.ok()) ledger_.Renamed(project, from);
}

void Client::Remove() {
  const int project = Choose(true);
  if (project < 0) return Create();
  const std::string path = *ledger_.Get(project).names.begin();
  ledger_.BeginRemoval(project);
  ::gitaly::RemoveRepositoryRequest request;
  *request.mutable_repository() = Repository(path);
  ::gitaly::RemoveRepositoryResponse response;
  const grpc::Status status = RepositoryService::Stub(channels_[ChoosePraefect()])
                                  .RemoveRepository(Context().get(), request, &response);
  if (status.ok()) ledger_.Removed(project);
}

void Client::MoveHead() {
  const int number = Choose(true);
  if (number < 0) return Create();
  const Project project = ledger_.Get(number);
  const std::string head = fmt::format("{}t{}-{}", project.prefix(), number_,
                                       Chance(static_cast<uint32_t>(references_) + 1));
  ledger_.BeginHead(number, head);
  ::gitaly::WriteRefRequest request;
  *request.mutable_repository() = Repository(*project.names.begin());
  request.set_ref("HEAD");
  request.set_revision(head);
  ::gitaly::WriteRefResponse response;
  const grpc::Status status = RepositoryService::Stub(channels_[ChoosePraefect()])
                                  .WriteRef(Context().get(), request, &response);
  if (status.ok()) ledger_.HeadSet(number, head);
}

// ---- afterwards
// ----------------------------------------------------------------------------------

std::optional<References> Client::Show(const std::string& path) {
  const size_t praefect = ChoosePraefect();
  ::gitaly::RepositoryExistsRequest request;
  *request.mutable_repository() = Repository(path);
  ::gitaly::RepositoryExistsResponse response;
  grpc::Status status;
  // The first one may go out on a connection to a Praefect that was killed since.
  test::Eventually([&] {
    status = RepositoryService::Stub(channels_[praefect])
                 .RepositoryExists(Context().get(), request, &response);
    return status.ok();
  });
  if (!status.ok()) throw std::runtime_error(path + ": " + status.error_message());
  if (!response.exists()) return std::nullopt;
  const test::Outcome listed = Git({"ls-remote", "praefect:" + path}, addresses_[praefect]);
  if (listed.exit_status != 0) throw std::runtime_error("git ls-remote: " + listed.error);
  References shown;
  std::istringstream lines(listed.output);
  for (std::string id, name; lines >> id >> name;) {
    if (name != "HEAD") shown[name] = id;
  }
  return shown;
}

}  // namespace praefect::crash
