#pragma once

// A site under attack: one real Praefect with one worker and short limits, a well-behaved node, a
// well-behaved client that calls all the while, and whatever a test adds. What must hold after
// every abuse is judged here.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "e2e/abuse/bystander.h"
#include "e2e/praefect_daemon.h"
#include "e2e/storage_node.h"
#include "support/raw_http2/client.h"

namespace praefect::test {

inline constexpr char kBranch[] = "/gitaly.RefService/FindDefaultBranchName";
inline constexpr char kGetBlob[] = "/gitaly.BlobService/GetBlob";
inline constexpr char kUploadPack[] = "/gitaly.SSHService/SSHUploadPack";

// The virtual storage of the bystander's calls.
inline constexpr char kSteady[] = "steady";

// What Praefect holds.
struct Holdings {
  size_t descriptors = 0;
  double open_calls = 0, client_connections = 0, client_streams = 0, node_streams = 0;
  double buffered_bytes = 0;
  // Not more of anything.
  bool Within(const Holdings& allowed) const;
  std::string text() const;
};

class Site {
 public:
  // A node that a test adds, as the only one of a virtual storage.
  struct OtherNode {
    std::string virtual_storage;
    std::string address;
    std::string token;
  };
  // Returns once Praefect serves and is warm. `limits`: further lines of [limits].
  explicit Site(const std::vector<OtherNode>& others = {}, const std::string& limits = "");
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  // Praefect must end with exit code 0 (a sanitizer that found something ends it otherwise).
  ~Site();

  PraefectDaemon& praefect() { return *praefect_; }
  Bystander& bystander() { return *bystander_; }
  std::string address() const { return address_; }          // without TLS
  std::string tls_address() const { return tls_address_; }  // "tls://..."
  std::filesystem::path Scratch(const std::string& name) const { return directory_ / name; }

  // A client's header fields: a token and `more`.
  static Fields Authorized(Fields more = {});
  // How a call for a repository of `virtual_storage` ends, see endings.h.
  std::string Call(const std::string& virtual_storage, const Fields& more = {},
                   const std::string& payload = "");

  // Lets Praefect take the repository over into its books, as it does before the first write.
  void Record(const std::string& virtual_storage);

  // What Praefect holds from now on when nothing happens: for a test that made connections to last.
  void TakeRest();
  // After every abuse: the bystander's calls went on and all succeeded, nothing is left over of the
  // abuse, and memory is back.
  void CheckUnharmed();
  Holdings HoldingsNow() const;

 private:
  std::string Config(const std::vector<OtherNode>& others, const std::string& limits) const;
  std::string EndOfCall(const char* method, const Fields& more, const std::string& request);

  const TemporaryDirectory directory_;
  std::unique_ptr<StorageNode> node_;
  std::optional<PraefectDaemon> praefect_;
  std::string address_, tls_address_;
  std::optional<Bystander> bystander_;
  Holdings at_rest_;
  size_t warm_bytes_ = 0;
};

// FindDefaultBranchNameRequest and the like: the repository is field 1. `payload`, in a field that
// Gitaly never had, is for nodes by hand.
std::string RequestFor(const std::string& virtual_storage, const std::string& payload = "");
// The repository in it, in the storage of a node that holds one.
inline constexpr char kRepository[] = "group/project.git";

// A minigitaly below `directory` with that repository.
std::unique_ptr<StorageNode> MakeNode(const std::string& storage,
                                      const std::filesystem::path& directory);
std::string NodeToken();

}  // namespace praefect::test
