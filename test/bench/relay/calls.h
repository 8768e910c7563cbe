#pragma once

// The calls of the benchmark as client and node both know them: methods, messages, header fields.
// Sizes are those of ordinary Gitaly traffic: requests of 108 bytes, answers of 100, transfers in
// messages of 128 KiB.

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace praefect::bench {

// How a call goes on after its first message, which names the repository.
enum class Shape {
  kUnary,
  kDownload,  // the first message says how many bytes come back, in messages of kTransferBytes
  kUpload,    // such messages are sent; one small answer
  kPingPong,  // each message, the first too, is answered with one
};

struct Method {
  std::string_view path;
  Shape shape;
};

// They exist in Gitaly, since Praefect knows no others. All but the last one are accessors, which
// Praefect passes on.
inline constexpr std::array kMethods = {
    Method{"/gitaly.RefService/RefExists", Shape::kUnary},
    Method{"/gitaly.RefService/FindDefaultBranchName", Shape::kUnary},
    Method{"/gitaly.RepositoryService/RepositorySize", Shape::kUnary},
    Method{"/gitaly.RepositoryService/HasLocalBranches", Shape::kUnary},
    Method{"/gitaly.BlobService/GetBlob", Shape::kDownload},
    Method{"/gitaly.RepositoryService/CreateBundleFromRefList", Shape::kUpload},
    Method{"/gitaly.CommitService/CheckObjectsExist", Shape::kPingPong},
    Method{"/gitaly.RepositoryService/WriteRef", Shape::kUnary},
};
inline constexpr size_t kUnaryMethods = 4;  // the first ones
inline constexpr size_t kRepositories = 8;
const Method* FindMethod(std::string_view path);
const Method& MethodOf(Shape shape);  // the first

// Messages with their five bytes of gRPC framing.
inline constexpr size_t kTransferBytes = 128 << 10;
const std::string& SmallMessage();     // answers, and pings: 100 bytes
const std::string& TransferMessage();  // kTransferBytes and the framing
std::string Framed(std::string_view message);

// A first message of a call about repository `number` of `storage`; `download_bytes`: of kDownload.
std::string Request(std::string_view storage, size_t number, uint64_t download_bytes = 0);

// Knows the requests that a node with this storage may get.
class RequestCheck {
 public:
  explicit RequestCheck(std::string_view storage);
  // What `message`, without its framing, says of download_bytes. Nothing: it is none of ours, or
  // names another storage.
  std::optional<uint64_t> DownloadBytes(std::string_view message) const;

 private:
  std::vector<std::string> texts_;
  std::unordered_set<std::string_view> repositories_;  // in texts_
};

// A field that nghttp2 need not copy, because its texts are never freed.
nghttp2_nv Lasting(std::string_view name, std::string_view value);
// One that it copies.
nghttp2_nv Passing(std::string_view name, std::string_view value);

inline constexpr size_t kRequestFields = 13;
// What every answer ends with.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTrailers = {{
    {"grpc-status", "0"},
    {"grpc-message", ""},
    {"gitaly-node-version", "18.9.0"},
    {"gitaly-cache", "miss"},
}};

// Gitaly's tokens, version 2: see gitaly/token.h, whose library would be too much to link.
std::string MakeAuthorization(std::string_view secret, int64_t unix_seconds);
// Whether it was made with `secret`, at whatever time.
bool IsAuthorized(std::string_view authorization, std::string_view secret);

}  // namespace praefect::bench
