// BlobService: contents of files, in pieces.

#include <fmt/format.h>

#include <functional>
#include <limits>

#include "git_stream.h"
#include "gitaly/blob.pb.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

struct BlobInfo {
  std::string oid;
  std::string type;  // "blob", "commit", ...; empty when there is no such object
  int64_t size = 0;
};

absl::StatusOr<BlobInfo> Inspect(Call& call, const fs::path& repository, const std::string& name) {
  if (name.find('\n') != std::string::npos) return absl::InvalidArgumentError("newline in a name");
  const auto checked = Git(call).Output(repository, {"cat-file", "--batch-check"}, name + "\n");
  if (!checked.ok()) return checked.status();
  const std::string line = TrimNewlines(*checked);  // "OID TYPE SIZE" or "NAME missing"
  const size_t last = line.rfind(' ');
  const size_t middle = line.rfind(' ', last - 1);
  if (last == std::string::npos || middle == std::string::npos || line.substr(last) == " missing") {
    return BlobInfo();
  }
  return BlobInfo{line.substr(0, middle), line.substr(middle + 1, last - middle - 1),
                  atoll(line.c_str() + last)};
}

// Calls `send` with pieces of the blob, at most `limit` bytes altogether (negative: all of it).
absl::Status ReadBlob(Call& call, const fs::path& repository, const std::string& oid, int64_t limit,
                      const std::function<bool(std::string_view)>& send) {
  Git git(call);
  absl::StatusOr<Git::Running> running =
      git.Start(InRepository(repository, {"cat-file", "blob", oid}));
  if (!running.ok()) return running.status();
  running->child->CloseInput();
  int64_t left = limit < 0 ? std::numeric_limits<int64_t>::max() : limit;
  while (left > 0) {
    const auto most = std::min<int64_t>(left, kStreamChunkBytes);
    const std::string piece =
        ReadSome(running->child->standard_output(), static_cast<size_t>(most));
    if (piece.empty() || !send(piece)) break;
    left -= static_cast<int64_t>(piece.size());
  }
  return call.cancelled() ? absl::CancelledError("the caller has gone") : absl::OkStatus();
}

// The first message of a blob says what it is, also without any content.
template <typename Response>
absl::Status SendBlob(Call& call, const fs::path& repository, const BlobInfo& info, int64_t limit,
                      Response first) {
  bool described = false;
  const auto send = [&](std::string_view piece) {
    Response response;
    if (!described) response = first;
    described = true;
    response.set_data(piece.data(), piece.size());
    return call.Write(response.SerializeAsString());
  };
  const absl::Status read = ReadBlob(call, repository, info.oid, limit, send);
  if (read.ok() && !described) send({});
  return read;
}

absl::Status GetBlob(const Node& node, Call& call, const ::gitaly::GetBlobRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  if (request.oid().empty()) return absl::InvalidArgumentError("empty Oid");
  const absl::StatusOr<BlobInfo> info = Inspect(call, *path, request.oid());
  if (!info.ok()) return info.status();
  ::gitaly::GetBlobResponse first;
  if (info->type != "blob") {
    call.Write(first.SerializeAsString());  // Gitaly's way to say that there is none
    return absl::OkStatus();
  }
  first.set_size(info->size);
  first.set_oid(info->oid);
  return SendBlob(call, *path, *info, request.limit(), first);
}

// "MODE TYPE OID\tPATH" of the entry; empty without one.
absl::StatusOr<std::string> TreeEntry(Call& call, const fs::path& repository,
                                      const ::gitaly::GetBlobsRequest::RevisionPath& wanted) {
  if (wanted.revision().empty() || wanted.revision()[0] == '-') {
    return absl::InvalidArgumentError("invalid revision");
  }
  const auto listed = Git(call).Run(
      InRepository(repository, {"ls-tree", "-z", wanted.revision(), "--", wanted.path()}));
  if (!listed.ok()) return listed.status();
  return listed->output.substr(0, listed->output.find('\0'));
}

absl::Status SendEntry(Call& call, const fs::path& repository, int64_t limit,
                       const ::gitaly::GetBlobsRequest::RevisionPath& wanted) {
  const absl::StatusOr<std::string> entry = TreeEntry(call, repository, wanted);
  if (!entry.ok()) return entry.status();
  ::gitaly::GetBlobsResponse first;
  first.set_revision(wanted.revision());
  first.set_path(wanted.path());
  const size_t type_at = entry->find(' ') + 1;
  if (entry->empty() || entry->compare(type_at, 4, "blob") != 0) {
    call.Write(first.SerializeAsString());
    return absl::OkStatus();
  }
  const absl::StatusOr<BlobInfo> info =
      Inspect(call, repository, entry->substr(type_at + 5, entry->find('\t') - type_at - 5));
  if (!info.ok()) return info.status();
  first.set_size(info->size);
  first.set_oid(info->oid);
  first.set_mode(static_cast<int>(strtol(entry->c_str(), nullptr, 8)));
  first.set_type(::gitaly::BLOB);
  return SendBlob(call, repository, *info, limit, first);
}

absl::Status GetBlobs(const Node& node, Call& call, const ::gitaly::GetBlobsRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  if (request.revision_paths().empty()) return absl::InvalidArgumentError("empty RevisionPaths");
  for (const auto& wanted : request.revision_paths()) {
    const absl::Status sent = SendEntry(call, *path, request.limit(), wanted);
    if (!sent.ok()) return sent;
  }
  return absl::OkStatus();
}

}  // namespace

void AddBlobMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddStream<GetBlobRequest>(
      "/gitaly.BlobService/GetBlob",
      [&node](Call& call, const GetBlobRequest& request) { return GetBlob(node, call, request); });
  table.AddStream<GetBlobsRequest>("/gitaly.BlobService/GetBlobs",
                                   [&node](Call& call, const GetBlobsRequest& request) {
                                     return GetBlobs(node, call, request);
                                   });
}

}  // namespace praefect::minigitaly
