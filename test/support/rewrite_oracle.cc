#include "support/rewrite_oracle.h"

#include <google/protobuf/descriptor.pb.h>

#include "gitaly/descriptors.h"

namespace praefect::test {
namespace {

namespace pb = google::protobuf;

constexpr int kStorageName = 2;
constexpr int kRelativePath = 3;

// The message at `path`, nullptr when it is not there.
pb::Message* MessageAt(pb::Message* message, const gitaly::FieldPath& path) {
  if (path.empty()) return nullptr;
  for (const int number : path) {
    const pb::FieldDescriptor* field = message->GetDescriptor()->FindFieldByNumber(number);
    if (!message->GetReflection()->HasField(*message, field)) return nullptr;
    message = message->GetReflection()->MutableMessage(message, field);
  }
  return message;
}

std::string StringAt(const pb::Message& message, int number) {
  const pb::FieldDescriptor* field = message.GetDescriptor()->FindFieldByNumber(number);
  return message.GetReflection()->GetString(message, field);
}

void SetStringAt(pb::Message* message, int number, std::string_view value) {
  if (message == nullptr || value.empty()) return;
  const pb::FieldDescriptor* field = message->GetDescriptor()->FindFieldByNumber(number);
  message->GetReflection()->SetString(message, field, std::string(value));
}

std::string CompareRepository(const char* name, const gitaly::RepositoryRef& found,
                              const pb::Message* wanted) {
  const std::string which = name;
  if (found.present != (wanted != nullptr)) return which + " repository: presence";
  if (wanted == nullptr) return found.storage_name.empty() ? "" : which + ": absent, with a name";
  if (found.storage_name != StringAt(*wanted, kStorageName)) return which + ": storage name";
  if (found.relative_path != StringAt(*wanted, kRelativePath)) return which + ": relative path";
  return "";
}

std::string CompareTarget(const gitaly::Method& method, const gitaly::RequestTarget& found,
                          pb::Message* wanted) {
  const pb::Message* additional = MessageAt(wanted, method.additional_repository);
  std::string wrong =
      CompareRepository("target", found.target, MessageAt(wanted, method.target_repository));
  if (wrong.empty()) wrong = CompareRepository("additional", found.additional, additional);
  if (!method.storage.empty() && found.storage_name != StringAt(*wanted, method.storage[0])) {
    wrong = "storage";
  }
  return wrong;
}

void Modify(const gitaly::Method& method, const gitaly::TargetRewrite& rewrite,
            pb::Message* message) {
  pb::Message* target = MessageAt(message, method.target_repository);
  pb::Message* additional = MessageAt(message, method.additional_repository);
  SetStringAt(target, kStorageName, rewrite.storage_name);
  SetStringAt(target, kRelativePath, rewrite.target_relative_path);
  SetStringAt(additional, kStorageName, rewrite.storage_name);
  SetStringAt(additional, kRelativePath, rewrite.additional_relative_path);
  if (!method.storage.empty()) SetStringAt(message, method.storage[0], rewrite.storage_name);
}

}  // namespace

RewriteOracle::RewriteOracle() : factory_(&pool_) {
  const std::string_view bytes = gitaly::EmbeddedDescriptorSet();
  pb::FileDescriptorSet set;
  set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  for (const pb::FileDescriptorProto& file : set.file()) pool_.BuildFile(file);
}

const pb::Descriptor* RewriteOracle::RequestType(const gitaly::Method& method) const {
  return pool_.FindMethodByName(method.service + "." + method.name)->input_type();
}

std::unique_ptr<pb::Message> RewriteOracle::Parse(const gitaly::Method& method,
                                                  std::string_view bytes) {
  std::unique_ptr<pb::Message> message(factory_.GetPrototype(RequestType(method))->New());
  const int size = static_cast<int>(bytes.size());
  return message->ParseFromArray(bytes.data(), size) ? std::move(message) : nullptr;
}

bool RewriteOracle::Parses(const gitaly::Method& method, std::string_view bytes) {
  return Parse(method, bytes) != nullptr;
}

std::string RewriteOracle::Disagreement(const gitaly::Method& method, std::string_view bytes,
                                        const gitaly::TargetRewrite& rewrite) {
  const auto found = gitaly::FindTarget(method, bytes);
  const auto rewritten = gitaly::RewriteTarget(method, bytes, rewrite);
  if (found.status() != rewritten.status()) return "finding and rewriting end differently";
  const auto wanted = Parse(method, bytes);
  if (wanted == nullptr) return "";

  // Protobuf's own spelling of the message has to be understood, whatever the bytes looked like.
  const std::string canonical = wanted->SerializeAsString();
  const auto again = gitaly::FindTarget(method, canonical);
  if (!again.ok()) return "canonical bytes refused: " + std::string(again.status().message());
  std::string wrong = CompareTarget(method, *again, wanted.get());
  if (!wrong.empty() || !found.ok()) return wrong;

  wrong = CompareTarget(method, *found, wanted.get());
  if (!wrong.empty()) return wrong;
  const auto result = Parse(method, *rewritten);
  if (result == nullptr) return "the rewritten message does not parse";
  Modify(method, rewrite, wanted.get());
  const bool same = result->SerializeAsString() == wanted->SerializeAsString();
  return same ? "" : "the rewritten message means something else";
}

}  // namespace praefect::test
