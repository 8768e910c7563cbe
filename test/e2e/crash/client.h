#pragma once

// A client: stock git for pushes, gRPC for the rest. It knows the addresses of all Praefects and
// nothing else, and writes into the ledger what it tried and what it was told.

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gitaly/shared.pb.h"
#include "judgement.h"
#include "support/process.h"

namespace praefect::crash {

// What happens around all clients.
struct Weather {
  std::atomic<bool> stop{false};
  // Clients end what they are at, and begin nothing.
  std::atomic<bool> rest{false};
  std::atomic<int> busy{0};  // clients that are at something
  // How long a client waits until it is killed.
  std::atomic<int> patience_ms{30'000};
};

class Client {
 public:
  // Belongs to one thread. `directory` is its own; `addresses` of Praefects.
  Client(int number, std::filesystem::path directory, std::vector<std::string> addresses,
         Ledger& ledger, Weather& weather, uint32_t seed);

  // Until it is stopped.
  void Work();

  // What Praefect shows of a name; throws when it does not answer.
  std::optional<References> Show(const std::string& path);

 private:
  using Act = void (Client::*)();
  void ActOnce();
  void Push();
  void Create();
  void CreateAgain();
  void Rename();
  void Remove();
  void MoveHead();
  void Make(Name& name);
  void PushTo(int project);
  // Reference and new value of each; an empty value deletes.
  using Updates = std::vector<std::pair<std::string, std::string>>;
  Updates NewUpdates(const Project& project);
  void SendPush(int project, const std::string& path, const Updates& updates);
  void CheckShown(const std::string& path, const Updates& updates, const std::string& address);

  test::Outcome Git(std::vector<std::string> arguments, const std::string& address) const;
  std::string NextCommit();
  uint32_t Chance(uint32_t sides) { return static_cast<uint32_t>(random_()) % sides; }
  // One of its own projects, or of all; -1: there is none.
  int Choose(bool own);

  size_t ChoosePraefect() { return Chance(static_cast<uint32_t>(addresses_.size())); }
  std::unique_ptr<grpc::ClientContext> Context() const;
  ::gitaly::Repository Repository(const std::string& path) const;
  grpc::StatusCode CallCreate(const std::string& path);

  const int number_;
  const std::filesystem::path directory_;
  const std::vector<std::string> addresses_;
  Ledger& ledger_;
  Weather& weather_;
  std::mt19937 random_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::string> commits_;  // not used yet
  int references_ = 0;
};

}  // namespace praefect::crash
