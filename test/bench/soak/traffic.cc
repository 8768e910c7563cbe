#include "traffic.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#include "gitaly/blob.pb.h"
#include "gitaly/operations.pb.h"
#include "gitaly/repository.pb.h"
#include "gitaly/ssh.pb.h"
#include "integration/conformance/message.h"

namespace praefect::bench {
namespace {

using namespace std::chrono_literals;
using grpc::StatusCode;
using test::GrpcCall;
using CallPointer = std::unique_ptr<GrpcCall>;

constexpr char kExists[] = "/gitaly.RepositoryService/RepositoryExists";
constexpr char kGetBlob[] = "/gitaly.BlobService/GetBlob";
constexpr char kGetBlobs[] = "/gitaly.BlobService/GetBlobs";
constexpr char kCommitFiles[] = "/gitaly.OperationService/UserCommitFiles";
constexpr char kUploadPack[] = "/gitaly.SSHService/SSHUploadPack";
constexpr auto kDeadline = 60s;
constexpr size_t kPieceBytes = 128 << 10;
constexpr size_t kUploadBytes = 400 << 10;
constexpr int kBurst = 16;

// The repository that all calls are about.
void Name(::gitaly::Repository* repository) {
  repository->set_storage_name("default");
  repository->set_relative_path("group/project.git");
}

std::string Exists() {
  ::gitaly::RepositoryExistsRequest request;
  Name(request.mutable_repository());
  return request.SerializeAsString();
}

std::string WantBlob(const Client& client) {
  ::gitaly::GetBlobRequest request;
  Name(request.mutable_repository());
  request.set_oid(client.content().blob_id);
  request.set_limit(-1);
  return request.SerializeAsString();
}

template <typename Response>
std::string Data(const std::vector<std::string>& answers) {
  std::string data;
  for (const std::string& answer : answers) {
    Response response;
    response.ParseFromString(answer);
    data += response.data();
  }
  return data;
}

std::string Differ(const std::string& what, const std::string& came, const std::string& wanted) {
  if (came == wanted) return "";
  const size_t same = static_cast<size_t>(
      std::mismatch(came.begin(), came.end(), wanted.begin(), wanted.end()).first - came.begin());
  return fmt::format("{} of {} bytes instead of {}, which differ from byte {} on", what,
                     came.size(), wanted.size(), same);
}

CallEnd ExistsEnd(GrpcCall& call, grpc::Status status) {
  ::gitaly::RepositoryExistsResponse response;
  const bool right = call.answers().size() == 1 && response.ParseFromString(call.answers()[0]) &&
                     response.exists();
  return {std::move(status), right ? "" : "a repository that exists is said not to"};
}

CallEnd Unary(Client& client) {
  const CallPointer call = client.Call(kExists);
  return ExistsEnd(*call, call->Exchange({Exists()}));
}

CallEnd GzippedUnary(Client& client) {
  const CallPointer call = client.Call(kExists);
  return ExistsEnd(*call, call->Gzipped().Exchange({Exists()}));
}

// Many streams of one connection at the same time.
CallEnd Burst(Client& client) {
  std::vector<CallPointer> calls;
  for (int i = 0; i < kBurst; i++) {
    calls.push_back(client.Call(kExists));
    calls.back()->Start();
  }
  CallEnd worst;
  for (const CallPointer& call : calls) {
    if (call->Write(Exists())) call->HalfClose();
    ::gitaly::RepositoryExistsResponse response;
    const bool right = response.ParseFromString(call->Read().value_or("")) && response.exists();
    const grpc::Status status = call->Finish();
    if (!status.ok()) worst.status = status;
    if (status.ok() && !right) worst.wrong = "a call of a burst has another answer";
  }
  return worst;
}

CallEnd Download(Client& client) {
  const CallPointer call = client.Call(kGetBlob);
  grpc::Status status = call->Exchange({WantBlob(client)});
  return {std::move(status), Differ("a download", Data<::gitaly::GetBlobResponse>(call->answers()),
                                    client.content().blob)};
}

// Begun; what has come of it so far.
CallPointer BeginDownload(Client& client, std::vector<std::string>& answers) {
  CallPointer call = client.Call(kGetBlob);
  call->Start();
  if (call->Write(WantBlob(client))) call->HalfClose();
  if (auto answer = call->Read()) answers.push_back(*answer);
  return call;
}

// The reader stands still for a while, with all windows full.
CallEnd StalledDownload(Client& client) {
  std::vector<std::string> answers;
  const CallPointer call = BeginDownload(client, answers);
  std::this_thread::sleep_for(std::chrono::milliseconds(client.random()() % 1'500));
  while (auto answer = call->Read()) answers.push_back(*answer);
  return {call->Finish(), Differ("a stalled download", Data<::gitaly::GetBlobResponse>(answers),
                                 client.content().blob)};
}

CallEnd CancelledDownload(Client& client) {
  std::vector<std::string> answers;
  const CallPointer call = BeginDownload(client, answers);
  call->Cancel();
  return {call->Finish(), ""};
}

std::vector<std::string> CommitRequests(Client& client, const std::string& content) {
  std::vector<std::string> requests;
  ::gitaly::UserCommitFilesRequest request;
  auto* header = request.mutable_header();
  Name(header->mutable_repository());
  header->mutable_user()->set_name("soak");
  header->mutable_user()->set_email("soak@example.com");
  header->mutable_user()->set_gl_id("user-1");
  header->set_branch_name("soak-" + client.NewName());
  header->set_commit_message("one file");
  header->set_start_branch_name("main");
  requests.push_back(request.SerializeAsString());
  auto* action = request.mutable_action()->mutable_header();
  action->set_action(::gitaly::UserCommitFilesActionHeader::CREATE);
  action->set_file_path("uploaded");
  requests.push_back(request.SerializeAsString());
  for (size_t at = 0; at < content.size(); at += kPieceBytes) {
    request.mutable_action()->set_content(content.substr(at, kPieceBytes));
    requests.push_back(request.SerializeAsString());
  }
  return requests;
}

// A file is committed, and read back.
CallEnd Upload(Client& client) {
  const std::string content = test::Pattern(kUploadBytes, client.random()());
  const CallPointer commit = client.Call(kCommitFiles);
  grpc::Status status = commit->Exchange(CommitRequests(client, content));
  if (!status.ok()) return {std::move(status), ""};
  ::gitaly::UserCommitFilesResponse response;
  if (commit->answers().size() != 1 || !response.ParseFromString(commit->answers()[0])) {
    return {std::move(status), "a commit without an answer"};
  }
  ::gitaly::GetBlobsRequest request;
  Name(request.mutable_repository());
  auto* wanted = request.add_revision_paths();
  wanted->set_revision(response.branch_update().commit_id());
  wanted->set_path("uploaded");
  request.set_limit(-1);
  const CallPointer read = client.Call(kGetBlobs);
  status = read->Exchange({request.SerializeAsString()});
  return {std::move(status),
          Differ("an upload", Data<::gitaly::GetBlobsResponse>(read->answers()), content)};
}

CallEnd CancelledUpload(Client& client) {
  const std::vector<std::string> requests =
      CommitRequests(client, test::Pattern(kUploadBytes, client.random()()));
  const CallPointer call = client.Call(kCommitFiles);
  call->Start();
  bool open = true;
  for (size_t i = 0; open && i + 1 < requests.size(); i++) open = call->Write(requests[i]);
  call->Cancel();
  return {call->Finish(), ""};
}

std::string UploadPack(std::string_view input, bool first) {
  ::gitaly::SSHUploadPackRequest request;
  if (first) {
    Name(request.mutable_repository());
    request.set_git_protocol("version=2");
  }
  request.set_stdin(std::string(input));
  return request.SerializeAsString();
}

// Reads standard output up to git's flush packet.
bool ReadToFlush(GrpcCall& call, std::string& output) {
  while (!output.ends_with("0000")) {
    const auto answer = call.Read();
    if (!answer) return false;
    ::gitaly::SSHUploadPackResponse response;
    response.ParseFromString(*answer);
    output += response.stdout();
  }
  return true;
}

// Git's protocol by hand: questions and answers in turn, both ways at once.
CallEnd Bidirectional(Client& client) {
  const CallPointer call = client.Call(kUploadPack);
  call->Start();
  std::string capabilities;
  bool open = call->Write(UploadPack("", true)) && ReadToFlush(*call, capabilities);
  std::string wrong;
  for (int i = 0; open && i < 3; i++) {
    std::string references;
    open = call->Write(UploadPack("0014command=ls-refs\n0000", false)) &&
           ReadToFlush(*call, references);
    const std::string wanted = client.content().commit + " refs/heads/main\n";
    if (open && references.find(wanted) == std::string::npos) wrong = "refs/heads/main is missing";
  }
  if (open && call->Write(UploadPack("0000", false))) call->HalfClose();
  while (call->Read()) {
  }
  grpc::Status status = call->Finish();
  if (status.ok() && !open) wrong = "the conversation ended early";
  return {std::move(status), wrong};
}

CallEnd CancelledBidirectional(Client& client) {
  const CallPointer call = client.Call(kUploadPack);
  call->Start();
  std::string capabilities;
  if (call->Write(UploadPack("", true))) ReadToFlush(*call, capabilities);
  call->Cancel();
  return {call->Finish(), ""};
}

CallEnd Hurried(Client& client) {
  const CallPointer call = client.Call(kExists);
  call->Within(std::chrono::milliseconds(1 + client.random()() % 20));
  return ExistsEnd(*call, call->Exchange({Exists()}));
}

CallEnd WrongToken(Client& client) {
  const CallPointer call = client.CallWithToken(kExists, "hunter2-wrong");
  return {call->Exchange({Exists()}), "a wrong token is let in"};
}

CallEnd UnknownStorage(Client& client) {
  const CallPointer call = client.Call(kExists);
  return {call->Exchange({test::Request("nowhere")}), "an unknown storage has an answer"};
}

CallEnd ServerInfo(Client& client) {
  const CallPointer call = client.Call("/gitaly.ServerService/ServerInfo");
  return {call->Exchange({""}), ""};
}

}  // namespace

CallPointer Client::CallWithToken(const std::string& method, const std::string& token) {
  const test::Metadata metadata = {{"authorization", test::Authorization(token, test::UnixNow())}};
  auto call = std::make_unique<GrpcCall>(channel_, method, metadata);
  call->Within(kDeadline);
  return call;
}

CallPointer Client::Call(const std::string& method) { return CallWithToken(method, site_.token()); }

const std::vector<Kind>& Kinds() {
  using enum StatusCode;
  static const std::vector<Kind> kinds = {
      {"unary", 30, {OK}, Unary},
      {"unary, gzip", 8, {OK}, GzippedUnary},
      {"unary, burst", 4, {OK}, Burst},
      {"download", 8, {OK}, Download},
      {"download, stalled", 6, {OK}, StalledDownload},
      {"download, cancelled", 8, {OK, CANCELLED}, CancelledDownload},
      {"upload", 5, {OK}, Upload},
      {"upload, cancelled", 4, {OK, CANCELLED}, CancelledUpload},
      {"bidi", 8, {OK}, Bidirectional},
      {"bidi, cancelled", 6, {OK, CANCELLED}, CancelledBidirectional},
      {"unary, hurried", 4, {OK, DEADLINE_EXCEEDED}, Hurried},
      {"wrong token", 3, {PERMISSION_DENIED}, WrongToken},
      {"unknown storage", 3, {INVALID_ARGUMENT}, UnknownStorage},
      {"Praefect's own", 3, {OK}, ServerInfo},
  };
  return kinds;
}

}  // namespace praefect::bench
