#include "message_json.h"

#include <algorithm>

namespace praefect::cmd {
namespace {

namespace pb = google::protobuf;
using Json = nlohmann::ordered_json;

Json FieldToJson(const pb::Message& message, const pb::FieldDescriptor& field, int index) {
  const pb::Reflection& get = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(repeated ? get.GetRepeatedMessage(message, &field, index)
                             : get.GetMessage(message, &field));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return get.GetInt64(message, &field);
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return get.GetBool(message, &field);
    case pb::FieldDescriptor::CPPTYPE_ENUM: {
      std::string name = get.GetEnum(message, &field)->name();
      std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c | 0x20; });
      return name;
    }
    default:
      return repeated ? get.GetRepeatedString(message, &field, index)
                      : get.GetString(message, &field);
  }
}

}  // namespace

// What the messages of proto/praefect have, and no more kinds of fields.
Json ToJson(const pb::Message& message) {
  Json json = Json::object();
  const pb::Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const pb::FieldDescriptor& field = *descriptor.field(i);
    if (!field.is_repeated()) {
      json[field.name()] = FieldToJson(message, field, -1);
      continue;
    }
    Json& list = json[field.name()] = Json::array();
    const int size = message.GetReflection()->FieldSize(message, &field);
    for (int each = 0; each < size; ++each) list.push_back(FieldToJson(message, field, each));
  }
  return json;
}

std::string Document(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace praefect::cmd
