#pragma once

// What clients do: the table of kinds of calls. A new kind is a row in traffic.cc.

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "integration/conformance/grpc_call.h"
#include "ledger.h"
#include "site.h"

namespace praefect::bench {

// One client with one connection; belongs to one thread.
class Client {
 public:
  Client(const Site& site, int number, bool tls, uint32_t seed)
      : site_(site), number_(number), tls_(tls), random_(seed), channel_(site.Connect(tls)) {}

  // Leaves, and comes again over a new connection.
  void Reconnect() { channel_ = site_.Connect(tls_); }
  // Not started; with the token that is valid now and a deadline that ends what hangs.
  std::unique_ptr<test::GrpcCall> Call(const std::string& method);
  std::unique_ptr<test::GrpcCall> CallWithToken(const std::string& method,
                                                const std::string& token);

  const Content& content() const { return site_.content(); }
  std::mt19937& random() { return random_; }
  // A number that no other client and no other call has.
  std::string NewName() { return std::to_string(number_) + "-" + std::to_string(++names_); }

 private:
  const Site& site_;
  const int number_;
  const bool tls_;
  std::mt19937 random_;
  std::shared_ptr<grpc::Channel> channel_;
  int names_ = 0;
};

struct Kind {
  const char* name;
  int weight;     // how often, beside the others
  Codes allowed;  // without any fault
  std::function<CallEnd(Client&)> run;
};

const std::vector<Kind>& Kinds();

}  // namespace praefect::bench
