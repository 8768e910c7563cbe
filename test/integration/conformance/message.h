#pragma once

// Requests of Gitaly's API and their like, written by hand: the suite must not depend on the code
// that it checks.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::test {

// The methods that the cases use, by what they are.
inline constexpr char kUnary[] = "/gitaly.RefService/FindDefaultBranchName";
inline constexpr char kServerStream[] = "/gitaly.BlobService/GetBlob";
inline constexpr char kClientStream[] = "/gitaly.RepositoryService/CreateRepositoryFromBundle";
inline constexpr char kBidi[] = "/gitaly.SSHService/SSHReceivePack";
inline constexpr char kCreate[] = "/gitaly.RepositoryService/CreateRepository";
inline constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
// Its pool (1.1) is the additional repository, its repository (2) the target.
inline constexpr char kLinkPool[] = "/gitaly.ObjectPoolService/LinkRepositoryToObjectPool";
// Storage scope: the storage's name is field 1.
inline constexpr char kNamespaceExists[] = "/gitaly.NamespaceService/NamespaceExists";

// Protobuf's length-delimited field.
std::string BytesField(uint32_t number, std::string_view bytes);

// gitaly.Repository{storage_name: 2, relative_path: 3}.
std::string Repository(std::string_view storage, std::string_view path = "group/project.git");

// A request whose target repository is field 1, with `payload` in a field that Gitaly never had.
std::string Request(std::string_view storage, std::string_view payload = "");

// gitaly.ServerInfoResponse of a node that serves these storages, from disks without an id.
std::string ServerInfo(const std::vector<std::string>& storages,
                       std::string_view version = "16.0.0");

// `size` bytes that differ from those of every other seed.
std::string Pattern(size_t size, uint32_t seed = 1);

// The gRPC prefix taken off a stream of uncompressed messages; throws when one is cut short.
std::string JoinMessages(std::string_view framed);

std::string Gzip(std::string_view bytes);
std::string Gunzip(std::string_view bytes);

// "Bearer v2.<hex hmac-sha256>.<seconds>", written independently of lib/gitaly.
std::string Authorization(std::string_view secret, int64_t unix_seconds);
// Whether `value` is what Authorization makes of `secret` now, give or take 30 seconds.
bool IsAuthorizedBy(std::string_view secret, std::string_view value);
int64_t UnixNow();

}  // namespace praefect::test
