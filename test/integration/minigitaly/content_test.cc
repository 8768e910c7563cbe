// Reading and writing what is in a repository.

#include <catch2/catch.hpp>

#include "gitaly/blob.grpc.pb.h"
#include "gitaly/commit.grpc.pb.h"
#include "gitaly/operations.grpc.pb.h"
#include "gitaly/ref.grpc.pb.h"
#include "node_client.h"

namespace praefect::test {
namespace {

using Action = ::gitaly::UserCommitFilesActionHeader;

struct File {
  Action::ActionType action = Action::CREATE;
  std::string path;
  std::string content;
  std::string previous_path = "";
};

class Content : public NodeClient {
 public:
  Content() { REQUIRE(Create("a.git") == "OK"); }

 protected:
  // The commit's id, an index error or a status.
  std::string Commit(const std::string& branch, const std::vector<File>& files) {
    ::gitaly::UserCommitFilesResponse response;
    ::gitaly::OperationService::Stub stub(channel());
    const auto context = Context();
    const auto writer = stub.UserCommitFiles(context.get(), &response);
    ::gitaly::UserCommitFilesRequest request;
    auto* header = request.mutable_header();
    *header->mutable_repository() = Repository("a.git");
    header->mutable_user()->set_name("Ada");
    header->mutable_user()->set_email("ada@example.com");
    header->set_branch_name(branch);
    header->set_commit_message("Change files\n\nBecause.\n");
    header->mutable_timestamp()->set_seconds(1700000000);
    writer->Write(request);
    for (const File& file : files) Send(*writer, file);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (!status.ok()) return Text(status);
    return response.index_error().empty() ? response.branch_update().commit_id()
                                          : response.index_error();
  }

  static void Send(grpc::ClientWriter<::gitaly::UserCommitFilesRequest>& writer, const File& file) {
    ::gitaly::UserCommitFilesRequest request;
    auto* header = request.mutable_action()->mutable_header();
    header->set_action(file.action);
    header->set_file_path(file.path);
    header->set_previous_path(file.previous_path);
    header->set_infer_content(file.content.empty());
    writer.Write(request);
    for (size_t at = 0; at < file.content.size(); at += 1000) {
      request.mutable_action()->set_content(file.content.substr(at, 1000));
      writer.Write(request);
    }
  }

  ::gitaly::GitCommit Find(const std::string& revision) {
    ::gitaly::FindCommitRequest request;
    *request.mutable_repository() = Repository("a.git");
    request.set_revision(revision);
    ::gitaly::FindCommitResponse response;
    ::gitaly::CommitService::Stub stub(channel());
    CHECK(Text(stub.FindCommit(Context().get(), request, &response)) == "OK");
    return response.commit();
  }

  std::vector<std::string> References(const std::string& pattern) {
    ::gitaly::ListRefsRequest request;
    *request.mutable_repository() = Repository("a.git");
    request.add_patterns(pattern);
    request.set_head(true);
    ::gitaly::RefService::Stub stub(channel());
    const auto context = Context();
    const auto reader = stub.ListRefs(context.get(), request);
    std::vector<std::string> names;
    ::gitaly::ListRefsResponse response;
    while (reader->Read(&response)) {
      for (const auto& reference : response.references()) names.push_back(reference.name());
    }
    CHECK(Text(reader->Finish()) == "OK");
    return names;
  }

  std::string Blob(const std::string& oid, int64_t limit) {
    ::gitaly::GetBlobRequest request;
    *request.mutable_repository() = Repository("a.git");
    request.set_oid(oid);
    request.set_limit(limit);
    ::gitaly::BlobService::Stub stub(channel());
    const auto context = Context();
    const auto reader = stub.GetBlob(context.get(), request);
    std::string data;
    ::gitaly::GetBlobResponse response;
    while (reader->Read(&response)) data += response.data();
    CHECK(Text(reader->Finish()) == "OK");
    return data;
  }
};

TEST_CASE_METHOD(Content, "files are created, changed, moved and deleted by commits") {
  const std::string first =
      Commit("main", {{Action::CREATE, "dir/a", "one"}, {Action::CREATE, "b", "two"}});
  REQUIRE(OnDisk("a.git", "refs/heads/main") == first);
  const std::string second = Commit("main", {{Action::UPDATE, "b", "three"},
                                             {Action::MOVE, "c", "", "dir/a"},
                                             {Action::CREATE_DIR, "empty", "", ""}});
  REQUIRE(OnDisk("a.git", "refs/heads/main") == second);
  CHECK(GitIn("a.git", {"ls-tree", "-r", "--name-only", "main"}).output ==
        "b\nc\nempty/.gitkeep\n");
  CHECK(GitIn("a.git", {"cat-file", "-p", "main:b"}).output == "three");
  CHECK(GitIn("a.git", {"cat-file", "-p", "main:c"}).output == "one");
  Commit("main", {{Action::DELETE, "c"}, {Action::CHMOD, "b"}});
  CHECK(GitIn("a.git", {"ls-tree", "-r", "--name-only", "main"}).output == "b\nempty/.gitkeep\n");
  CHECK(GitIn("a.git", {"rev-list", "--count", "main"}).output == "3\n");
}

TEST_CASE_METHOD(Content, "content in many messages arrives whole") {
  std::string content;
  for (int i = 0; i < 20000; ++i) content += std::to_string(i) + "\n";
  Commit("main", {{Action::CREATE, "long", content}});
  CHECK(GitIn("a.git", {"cat-file", "-p", "main:long"}).output == content);
}

TEST_CASE_METHOD(Content, "an action that cannot be done changes nothing") {
  const std::string id = Commit("main", {{Action::CREATE, "a", "one"}});
  CHECK(Commit("main", {{Action::CREATE, "a", "two"}}) == "A file with this name already exists");
  CHECK(Commit("main", {{Action::DELETE, "b"}}) == "A file with this name doesn't exist");
  CHECK(Commit("main", {{Action::CREATE, "../b", "x"}}) == "invalid path: '../b'");
  CHECK(OnDisk("a.git", "refs/heads/main") == id);
}

TEST_CASE_METHOD(Content, "a commit is found with all its fields") {
  const std::string parent = Commit("main", {{Action::CREATE, "a", "one"}});
  const std::string id = Commit("main", {{Action::UPDATE, "a", "two"}});
  const ::gitaly::GitCommit commit = Find("main");
  CHECK(commit.id() == id);
  CHECK(commit.subject() == "Change files");
  CHECK(commit.body() == "Change files\n\nBecause.\n");
  CHECK(commit.author().name() == "Ada");
  CHECK(commit.author().date().seconds() == 1700000000);
  CHECK(commit.committer().timezone() == "+0000");
  CHECK(commit.parent_ids(0) == parent);
  CHECK(Find("missing").id() == "");
}

TEST_CASE_METHOD(Content, "commits are listed in order and up to a limit") {
  std::vector<std::string> ids;
  for (int i = 0; i < 25; ++i) {
    const std::string name = "file " + std::to_string(i);
    ids.insert(ids.begin(), Commit("main", {{Action::CREATE, name, name}}));
  }
  ::gitaly::ListCommitsRequest request;
  *request.mutable_repository() = Repository("a.git");
  request.add_revisions("main");
  request.mutable_pagination_params()->set_limit(23);
  request.set_order(::gitaly::ListCommitsRequest::TOPO);
  ::gitaly::CommitService::Stub stub(channel());
  const auto context = Context();
  const auto reader = stub.ListCommits(context.get(), request);
  std::vector<std::string> listed;
  ::gitaly::ListCommitsResponse response;
  while (reader->Read(&response)) {
    for (const auto& commit : response.commits()) listed.push_back(commit.id());
  }
  CHECK(Text(reader->Finish()) == "OK");
  CHECK(listed == std::vector<std::string>(ids.begin(), ids.begin() + 23));
}

TEST_CASE_METHOD(Content, "references are written, listed and deleted") {
  const std::string id = Commit("main", {{Action::CREATE, "a", "one"}});
  CHECK(WriteRef("a.git", "refs/heads/topic", id) == "OK");
  CHECK(WriteRef("a.git", "refs/tags/v1", id) == "OK");
  CHECK(References("refs/heads/") ==
        std::vector<std::string>{"HEAD", "refs/heads/main", "refs/heads/topic"});
  ::gitaly::DeleteRefsRequest request;
  *request.mutable_repository() = Repository("a.git");
  request.add_refs("refs/heads/topic");
  request.add_refs("refs/tags/v1");
  ::gitaly::DeleteRefsResponse response;
  ::gitaly::RefService::Stub stub(channel());
  CHECK(Text(stub.DeleteRefs(Context().get(), request, &response)) == "OK");
  CHECK(References("refs/") == std::vector<std::string>{"HEAD", "refs/heads/main"});
}

TEST_CASE_METHOD(Content, "WriteRef points HEAD and refuses what is no reference") {
  const std::string id = Commit("main", {{Action::CREATE, "a", "one"}});
  CHECK(WriteRef("a.git", "HEAD", "refs/heads/other") == "OK");
  CHECK(GitIn("a.git", {"symbolic-ref", "HEAD"}).output == "refs/heads/other\n");
  CHECK(WriteRef("a.git", "main", id) == "INVALID_ARGUMENT: invalid ref: must start with refs/");
  CHECK(WriteRef("a.git", "refs/heads/x", "missing").rfind("INTERNAL: git update-ref", 0) == 0);
}

TEST_CASE_METHOD(Content, "the default branch and single references are found") {
  ::gitaly::RefService::Stub stub(channel());
  ::gitaly::FindDefaultBranchNameRequest request;
  *request.mutable_repository() = Repository("a.git");
  ::gitaly::FindDefaultBranchNameResponse response;
  CHECK(Text(stub.FindDefaultBranchName(Context().get(), request, &response)) == "OK");
  CHECK(response.name() == "");
  Commit("topic", {{Action::CREATE, "a", "one"}});
  CHECK(Text(stub.FindDefaultBranchName(Context().get(), request, &response)) == "OK");
  CHECK(response.name() == "refs/heads/topic");
  ::gitaly::RefExistsRequest exists;
  *exists.mutable_repository() = Repository("a.git");
  exists.set_ref("refs/heads/topic");
  ::gitaly::RefExistsResponse answer;
  CHECK(Text(stub.RefExists(Context().get(), exists, &answer)) == "OK");
  CHECK(answer.value());
}

TEST_CASE_METHOD(Content, "blobs are read whole, in part, and not at all") {
  const std::string content(300000, 'b');
  Commit("main", {{Action::CREATE, "a", content}});
  const std::string oid = OnDisk("a.git", "main:a");
  CHECK(Blob(oid, -1) == content);
  CHECK(Blob(oid, 7) == "bbbbbbb");
  CHECK(Blob(std::string(40, '1'), -1) == "");
}

TEST_CASE_METHOD(Content, "GetBlobs finds blobs by revision and path") {
  Commit("main", {{Action::CREATE, "dir/a", "one"}});
  ::gitaly::GetBlobsRequest request;
  *request.mutable_repository() = Repository("a.git");
  request.set_limit(-1);
  for (const char* path : {"dir/a", "missing"}) {
    request.add_revision_paths()->set_revision("main");
    request.mutable_revision_paths()->rbegin()->set_path(path);
  }
  ::gitaly::BlobService::Stub stub(channel());
  const auto context = Context();
  const auto reader = stub.GetBlobs(context.get(), request);
  ::gitaly::GetBlobsResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.data() == "one");
  CHECK(response.mode() == 0100644);
  REQUIRE(reader->Read(&response));
  CHECK(response.oid() == "");
  CHECK_FALSE(reader->Read(&response));
  CHECK(Text(reader->Finish()) == "OK");
}

}  // namespace
}  // namespace praefect::test
