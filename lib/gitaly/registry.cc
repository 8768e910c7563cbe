#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>
#include <optional>

#include "gitaly/descriptors.h"
#include "gitaly/method.h"
#include "gitaly/options.pb.h"

namespace praefect::gitaly {
namespace {

namespace pb = google::protobuf;

using Marker = decltype(::gitaly::target_repository);

// Intercepted methods that the local server answers.
constexpr std::array<std::string_view, 4> kServedByPraefect = {
    "/gitaly.PraefectInfoService/GetRepositoryMetadata",
    "/gitaly.PraefectInfoService/RepositoryReplicas",
    "/gitaly.ServerService/DiskStatistics",
    "/gitaly.ServerService/ServerInfo",
};

constexpr std::array<std::string_view, 2> kWipesAStorage = {
    "/gitaly.RepositoryService/RemoveAll",
    "/gitaly.StorageService/DeleteAllRepositories",
};

struct NamingMethod {
  std::string_view path;
  Naming naming;
};

// Read off Gitaly's handlers: which of them make a repository where there is none.
// FetchIntoObjectPool makes a pool out of its origin.
constexpr NamingMethod kNamingMethods[] = {
    {"/gitaly.InternalGitaly/WalkRepos", Naming::kLists},
    {"/gitaly.ObjectPoolService/CreateObjectPool", Naming::kCreates},
    {"/gitaly.ObjectPoolService/DeleteObjectPool", Naming::kRemoves},
    {"/gitaly.ObjectPoolService/FetchIntoObjectPool", Naming::kCreates},
    {"/gitaly.ObjectPoolService/GetObjectPool", Naming::kNamesPool},
    {"/gitaly.RepositoryService/CloneFromPool", Naming::kCreates},
    {"/gitaly.RepositoryService/CloneFromPoolInternal", Naming::kCreates},
    {"/gitaly.RepositoryService/CreateFork", Naming::kCreates},
    {"/gitaly.RepositoryService/CreateRepository", Naming::kCreates},
    {"/gitaly.RepositoryService/CreateRepositoryFromBundle", Naming::kCreates},
    {"/gitaly.RepositoryService/CreateRepositoryFromSnapshot", Naming::kCreates},
    {"/gitaly.RepositoryService/CreateRepositoryFromURL", Naming::kCreates},
    {"/gitaly.RepositoryService/RemoveRepository", Naming::kRemoves},
    {"/gitaly.RepositoryService/RenameRepository", Naming::kRenames},
    {"/gitaly.RepositoryService/ReplicateRepository", Naming::kCreates},
    {"/gitaly.RepositoryService/RepositoryExists", Naming::kAsks},
    {"/gitaly.RepositoryService/RestoreRepository", Naming::kCreates},
};

Naming NamingOf(std::string_view path) {
  for (const NamingMethod& method : kNamingMethods) {
    if (method.path == path) return method.naming;
  }
  return Naming::kNone;
}

template <size_t size>
bool Contains(const std::array<std::string_view, size>& list, std::string_view path) {
  return std::find(list.begin(), list.end(), path) != list.end();
}

// Why `method` is not served, in words that follow "... is not served: ".
std::string NotServed(const Method& method) {
  if (method.handled_by_praefect) {
    if (Contains(kServedByPraefect, method.path)) return "";
    if (method.service == "gitaly.InfoService") return "Gitaly itself dropped it in 12.9";
    return "this part of Praefect is not built yet";
  }
  if (method.scope == Scope::kPartition) {
    return "partitions belong to one node and mean nothing in a virtual storage";
  }
  if (Contains(kWipesAStorage, method.path)) {
    return "it would delete every repository of a storage behind Praefect's back";
  }
  if (method.scope == Scope::kStorage && method.operation == Operation::kMutator &&
      method.client_streaming) {
    return "its stream would have to be copied to several nodes";
  }
  if (absl::EndsWith(method.name, "WithSidechannel")) {
    return "it needs the multiplexed transport, which is not built yet";
  }
  return "";
}

Operation ToOperation(::gitaly::OperationMsg::Operation operation) {
  switch (operation) {
    case ::gitaly::OperationMsg::ACCESSOR:
      return Operation::kAccessor;
    case ::gitaly::OperationMsg::MUTATOR:
      return Operation::kMutator;
    case ::gitaly::OperationMsg::MAINTENANCE:
      return Operation::kMaintenance;
    default:
      return Operation::kUnknown;
  }
}

absl::StatusOr<Scope> ToScope(::gitaly::OperationMsg::Scope scope) {
  switch (scope) {
    case ::gitaly::OperationMsg::REPOSITORY:
      return Scope::kRepository;
    case ::gitaly::OperationMsg::SERVER:
      return Scope::kServer;
    case ::gitaly::OperationMsg::STORAGE:
      return Scope::kStorage;
    case ::gitaly::OperationMsg::PARTITION:
      return Scope::kPartition;
    default:
      return absl::InternalError("unknown scope");
  }
}

using Fields = std::vector<const pb::FieldDescriptor*>;

// Collects the way to every field below `message` that carries `marker`.
void FindMarked(const pb::Descriptor* message, const Marker& marker, Fields& way,
                std::vector<Fields>& found) {
  for (int i = 0; i < message->field_count(); ++i) {
    const pb::FieldDescriptor* field = message->field(i);
    const auto is_outer = [&](const pb::FieldDescriptor* outer) {
      return outer->containing_type() == field->message_type();
    };
    way.push_back(field);
    if (field->options().GetExtension(marker)) {
      found.push_back(way);
    } else if (field->message_type() != nullptr && std::none_of(way.begin(), way.end(), is_outer)) {
      FindMarked(field->message_type(), marker, way, found);
    }
    way.pop_back();
  }
}

// The way to the one field below `message` with `marker`; empty when there is none.
absl::StatusOr<Fields> FindOne(const pb::Descriptor* message, const Marker& marker) {
  Fields way;
  std::vector<Fields> found;
  FindMarked(message, marker, way, found);
  if (found.empty()) return Fields{};
  if (found.size() > 1) {
    return absl::InternalError(absl::StrCat("more than one field of ", message->full_name(),
                                            " has the mark ", marker.number()));
  }
  return found.front();
}

// As FindOne, down to the gitaly.Repository inside an object pool and its like.
absl::StatusOr<Fields> FindRepository(const pb::Descriptor* request, const Marker& marker) {
  auto way = FindOne(request, marker);
  if (!way.ok() || way->empty()) return way;
  const pb::Descriptor* type = way->back()->message_type();
  if (type != nullptr && type->full_name() != "gitaly.Repository") {
    const auto rest = FindOne(type, ::gitaly::repository);
    if (!rest.ok()) return rest.status();
    way->insert(way->end(), rest->begin(), rest->end());
    type = way->back()->message_type();
  }
  if (type == nullptr || type->full_name() != "gitaly.Repository") {
    return absl::InternalError(absl::StrCat(way->back()->full_name(), " is no Repository"));
  }
  return way;
}

FieldPath ToPath(const Fields& way) {
  FieldPath path;
  for (const pb::FieldDescriptor* field : way) path.push_back(field->number());
  return path;
}

bool HasOneof(Fields::const_iterator begin, Fields::const_iterator end) {
  return std::any_of(begin, end, [](const auto* field) { return field->real_containing_oneof(); });
}

bool HasRepeated(const Fields& way) {
  return std::any_of(way.begin(), way.end(),
                     [](const auto* field) { return field->is_repeated(); });
}

std::vector<uint32_t> Rivals(const pb::FieldDescriptor* field) {
  std::vector<uint32_t> rivals;
  const pb::OneofDescriptor* oneof = field->real_containing_oneof();
  for (int i = 0; oneof != nullptr && i < oneof->field_count(); ++i) {
    using Lite = pb::internal::WireFormatLite;
    const pb::FieldDescriptor* member = oneof->field(i);
    const auto type = static_cast<Lite::FieldType>(member->type());
    if (member == field) continue;
    rivals.push_back(Lite::MakeTag(member->number(), Lite::WireTypeForFieldType(type)));
  }
  return rivals;
}

absl::Status ResolveFields(const pb::Descriptor* request, Method& method) {
  const auto target = FindRepository(request, ::gitaly::target_repository);
  if (!target.ok()) return target.status();
  const auto additional = FindRepository(request, ::gitaly::additional_repository);
  if (!additional.ok()) return additional.status();
  const auto storage = FindOne(request, ::gitaly::storage);
  if (!storage.ok()) return storage.status();

  // What lib/gitaly/target.cc counts on.
  if (HasOneof(additional->begin(), additional->end()) ||
      HasOneof(storage->begin(), storage->end()) ||
      (!target->empty() && HasOneof(target->begin() + 1, target->end()))) {
    return absl::InternalError("only the first step to a target may be in a oneof");
  }
  if (storage->size() > 1 ||
      (storage->size() == 1 && storage->front()->type() != pb::FieldDescriptor::TYPE_STRING)) {
    return absl::InternalError("the storage is not a string of the request itself");
  }

  if (HasRepeated(*additional) || HasRepeated(*storage)) {
    return absl::InternalError("an additional repository or the storage is repeated");
  }
  // One RPC of 16.1 takes a list of repositories; it would have to be taken apart by storage.
  if (HasRepeated(*target)) method.not_served = "it names several repositories at once";

  method.target_repository = ToPath(*target);
  method.additional_repository = ToPath(*additional);
  method.storage = ToPath(*storage);
  if (!target->empty()) method.target_rivals = Rivals(target->front());
  return absl::OkStatus();
}

absl::Status CheckComplete(const Method& method) {
  if (method.handled_by_praefect) return absl::OkStatus();
  if (method.operation == Operation::kUnknown) return absl::InternalError("no operation");
  if (method.scope == Scope::kRepository && method.target_repository.empty()) {
    return absl::InternalError("no target repository");
  }
  if (method.scope == Scope::kStorage && method.storage.empty()) {
    return absl::InternalError("no storage");
  }
  return absl::OkStatus();
}

absl::StatusOr<Method> Describe(const pb::MethodDescriptor& descriptor) {
  const ::gitaly::OperationMsg& option = descriptor.options().GetExtension(::gitaly::op_type);
  Method method;
  method.service = descriptor.service()->full_name();
  method.name = descriptor.name();
  method.path = absl::StrCat("/", method.service, "/", method.name);
  method.client_streaming = descriptor.client_streaming();
  method.server_streaming = descriptor.server_streaming();
  method.handled_by_praefect = descriptor.service()->options().GetExtension(::gitaly::intercepted);
  method.operation = ToOperation(option.op());
  const auto scope = ToScope(option.scope_level());
  if (!scope.ok()) return scope.status();
  method.scope = *scope;
  method.naming = NamingOf(method.path);
  if (const absl::Status status = ResolveFields(descriptor.input_type(), method); !status.ok()) {
    return status;
  }
  if (const absl::Status status = CheckComplete(method); !status.ok()) return status;
  if (method.not_served.empty()) method.not_served = NotServed(method);
  return method;
}

absl::Status DescribeAll(const pb::FileDescriptor& file, std::vector<Method>& methods) {
  if (file.package() != "gitaly") return absl::OkStatus();
  for (int i = 0; i < file.service_count(); ++i) {
    const pb::ServiceDescriptor* service = file.service(i);
    for (int j = 0; j < service->method_count(); ++j) {
      auto method = Describe(*service->method(j));
      if (!method.ok()) {
        return absl::InternalError(absl::StrCat("method ", service->method(j)->full_name(), ": ",
                                                method.status().message()));
      }
      methods.push_back(*std::move(method));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const MethodRegistry>> MethodRegistry::Build() {
  return BuildFrom(EmbeddedDescriptorSet());
}

absl::StatusOr<std::unique_ptr<const MethodRegistry>> MethodRegistry::BuildFrom(
    std::string_view descriptor_set) {
  pb::FileDescriptorSet set;
  if (!set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()))) {
    return absl::InternalError("the description of Gitaly's API is broken");
  }
  std::unique_ptr<MethodRegistry> registry(new MethodRegistry);
  pb::DescriptorPool pool;
  for (const pb::FileDescriptorProto& proto : set.file()) {
    const pb::FileDescriptor* file = pool.BuildFile(proto);
    if (file == nullptr) {
      return absl::InternalError(absl::StrCat("the description of ", proto.name(), " is broken"));
    }
    if (const auto status = DescribeAll(*file, registry->methods_); !status.ok()) return status;
  }
  std::sort(registry->methods_.begin(), registry->methods_.end(),
            [](const Method& a, const Method& b) { return a.path < b.path; });
  for (const Method& method : registry->methods_) registry->by_path_[method.path] = &method;
  return std::unique_ptr<const MethodRegistry>(std::move(registry));
}

const Method* MethodRegistry::Find(std::string_view path) const {
  const auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : found->second;
}

}  // namespace praefect::gitaly
