#pragma once

// What an RPC is. The registry is built at start from the descriptor set of Gitaly's API that is
// embedded into the library; nothing about a method is written anywhere else.

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::gitaly {

enum class Operation { kUnknown, kAccessor, kMutator, kMaintenance };
enum class Scope { kRepository, kStorage, kPartition, kServer };

// Field numbers from the request message down to a field: "1.1" is {1, 1}.
using FieldPath = std::vector<int>;

struct Method {
  std::string path;     // "/gitaly.RefService/FindAllTags", as in HTTP/2's :path
  std::string service;  // "gitaly.RefService"
  std::string name;     // "FindAllTags"
  bool client_streaming = false;
  bool server_streaming = false;
  Operation operation = Operation::kUnknown;
  Scope scope = Scope::kRepository;

  // Paths to the `Repository` messages that Praefect rewrites (the one inside an object pool
  // included); the additional one is empty where there is none.
  FieldPath target_repository;
  FieldPath additional_repository;
  FieldPath storage;  // string field that names the storage; storage scope only

  bool handled_by_praefect = false;  // never sent to a node
  // Why Praefect does not serve it (design: "Not served"); empty when it does.
  std::string not_served;
};

class MethodRegistry {
 public:
  // Fails when the embedded descriptors are broken, or a repository-scoped method has no
  // resolvable target: the start must fail then.
  static absl::StatusOr<std::unique_ptr<const MethodRegistry>> Build();

  // nullptr for a method that Gitaly never had. Any thread.
  const Method* Find(std::string_view path) const;
  // All 230, ordered by path.
  std::span<const Method> methods() const { return methods_; }

 private:
  MethodRegistry() = default;
  std::vector<Method> methods_;
  absl::flat_hash_map<std::string_view, const Method*> by_path_;
};

}  // namespace praefect::gitaly
