#pragma once

// What an RPC is. The registry is built at start from the descriptor set of Gitaly's API that is
// embedded into the library (proto/gitaly); what is written about a method elsewhere is only why it
// is not served.

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::gitaly {

enum class Operation { kUnknown, kAccessor, kMutator, kMaintenance };
enum class Scope { kRepository, kStorage, kPartition, kServer };

// What an RPC does with which repositories there are; nothing for most of them.
enum class Naming {
  kNone,
  kCreates,  // its target where there is none; some write to one that is there
  kRemoves,
  kRenames,
  kAsks,       // whether there is one
  kLists,      // those of a storage
  kNamesPool,  // its answer names the object pool of its target
};

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
  Naming naming = Naming::kNone;

  // Paths to the `Repository` messages that Praefect rewrites (the one inside an object pool
  // included); empty where there is none.
  FieldPath target_repository;
  FieldPath additional_repository;
  // The request's own string field that names the storage; storage and partition scope only.
  FieldPath storage;
  // Where the target lies in a member of a oneof: the tags (number and wire type) of the other
  // members. On the wire one of these unsets a target that came before it.
  std::vector<uint32_t> target_rivals;

  // Never sent to a node: Praefect serves it itself, or nobody does.
  bool handled_by_praefect = false;
  // Why Praefect does not serve it (design: "Not served"); empty when it does.
  std::string not_served;
};

class MethodRegistry {
 public:
  // Fails when the embedded descriptors are broken, or a repository-scoped method has no
  // resolvable target: the start must fail then.
  static absl::StatusOr<std::unique_ptr<const MethodRegistry>> Build();
  // The same from a serialized FileDescriptorSet whose files stand in order of dependence.
  static absl::StatusOr<std::unique_ptr<const MethodRegistry>> BuildFrom(
      std::string_view descriptor_set);

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
