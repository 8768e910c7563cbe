#pragma once

// Request metadata that means something to Praefect or Gitaly.

#include <absl/status/statusor.h>

#include <chrono>
#include <map>
#include <random>
#include <string>
#include <string_view>

namespace praefect::gitaly {

inline constexpr std::string_view kAuthorizationHeader = "authorization";
inline constexpr std::string_view kGitalyServersHeader = "gitaly-servers";
inline constexpr std::string_view kCorrelationIdHeader = "x-gitlab-correlation-id";
// "primary-only" keeps an accessor away from the other replicas.
inline constexpr std::string_view kAccessorPolicyHeader = "gitaly-route-repository-accessor-policy";
// Who calls and why: passed on as they are; values of log fields.
inline constexpr std::string_view kClientNameHeader = "client_name";
inline constexpr std::string_view kGitlabClientNameHeader = "x-gitlab-client-name";
inline constexpr std::string_view kCallSiteHeader = "call_site";
inline constexpr std::string_view kDeadlineTypeHeader = "deadline_type";
inline constexpr std::string_view kRemoteIpHeader = "remote_ip";
inline constexpr std::string_view kUserIdHeader = "user_id";
inline constexpr std::string_view kUsernameHeader = "username";

// How a node reaches a storage that is not its own.
struct StorageServer {
  std::string address;
  std::string token;  // secret
  bool operator==(const StorageServer&) const = default;
};

// By storage name.
using StorageServers = std::map<std::string, StorageServer, std::less<>>;

// The value of `gitaly-servers`: base64 (with padding) of the JSON object
// {"<storage>": {"address": "...", "token": "..."}}. All strings are UTF-8.
std::string EncodeGitalyServers(const StorageServers& servers);

// InvalidArgument when `value` is something else. An absent address or token is empty, other
// members are ignored. The error never quotes the value: it holds secrets.
absl::StatusOr<StorageServers> DecodeGitalyServers(std::string_view value);

// A correlation id in the form of those of GitLab: a ULID, 26 characters of Crockford's base32, the
// first ten from the time in milliseconds.
std::string MakeCorrelationId(std::chrono::system_clock::time_point now, std::mt19937_64& random);

}  // namespace praefect::gitaly
