#pragma once

// Another Gitaly that this node copies from, reached as the metadata of the call says.

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "call.h"
#include "git.h"
#include "gitaly/shared.pb.h"

namespace praefect::minigitaly {

struct SourceAddress {
  std::string address;  // tcp://HOST:PORT or unix:PATH
  std::string token;    // empty: none is sent
};

// From `gitaly-servers`: base64 of JSON {"storage": {"address": "...", "token": "..."}}.
absl::StatusOr<SourceAddress> FindSource(const Call& call, const std::string& storage);

class SourceNode {
 public:
  // `call` is borrowed: what runs is cancelled when its caller has gone.
  SourceNode(Call& call, SourceAddress source, const ::gitaly::Repository& repository);
  ~SourceNode();

  absl::StatusOr<bool> RepositoryExists();
  // What HEAD names over there, whether that exists or not.
  absl::StatusOr<std::string> DefaultBranch();
  // The relative path of the object pool it borrows from; empty without.
  absl::StatusOr<std::string> ObjectPool();

  // Makes all references of `into` those of the source, through its SSHUploadPack. With `prune`
  // those that the source has not are deleted.
  absl::Status Fetch(const std::string& ssh_helper, const std::filesystem::path& into, bool prune);

 private:
  template <typename Function>
  absl::Status Ask(Function function);

  struct Stubs;
  Call& call_;
  const SourceAddress source_;
  const ::gitaly::Repository repository_;
  const std::unique_ptr<Stubs> stubs_;
};

}  // namespace praefect::minigitaly
