#include "method_table.h"

#include <google/protobuf/descriptor.h>

namespace praefect::minigitaly {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string StringField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return "";
  return field->is_repeated() ? "" : message.GetReflection()->GetString(message, field);
}

const Message* SubMessage(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return nullptr;
  }
  return &message.GetReflection()->GetMessage(message, field);
}

}  // namespace

const MethodEntry* MethodTable::Find(std::string_view method) const {
  const auto found = methods_.find(method);
  return found == methods_.end() ? nullptr : &found->second;
}

RequestTarget TargetOf(const Message& request) {
  // A request that has a pool and a repository is about the repository, except where the pool is
  // made or filled from an origin, which is not called `repository`.
  for (const char* name : {"repository", "object_pool", "header"}) {
    if (const Message* inner = SubMessage(request, name)) return TargetOf(*inner);
  }
  return RequestTarget{StringField(request, "storage_name"), StringField(request, "relative_path")};
}

}  // namespace praefect::minigitaly
