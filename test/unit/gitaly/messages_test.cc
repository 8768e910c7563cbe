#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <catch2/catch.hpp>
#include <map>

#include "gitaly/descriptors.h"
#include "golden.h"

namespace praefect::gitaly {
namespace {

namespace pb = google::protobuf;

std::string WithoutPackage(const std::string& name) {
  return name.rfind("gitaly.", 0) == 0 ? name.substr(7) : name;
}

std::string Describe(const pb::FieldDescriptor& field) {
  std::string type = field.type_name();
  if (field.message_type() != nullptr) type = WithoutPackage(field.message_type()->full_name());
  if (field.enum_type() != nullptr) type = WithoutPackage(field.enum_type()->full_name());
  const char* kind = field.is_repeated() ? "*" : field.containing_oneof() != nullptr ? "?" : "";
  return absl::StrCat(" ", field.number(), ":", type, kind, ":", field.name());
}

// Lines by name, as messages.golden has them.
class Listing {
 public:
  void Add(const pb::EnumDescriptor& one) {
    std::map<int, std::string> values;
    for (int i = 0; i < one.value_count(); ++i)
      values[one.value(i)->number()] = one.value(i)->name();
    std::string& line = lines_[one.full_name()];
    line = "enum " + WithoutPackage(one.full_name());
    for (const auto& [number, name] : values) absl::StrAppend(&line, " ", number, ":", name);
  }

  void Add(const pb::Descriptor& message) {
    std::map<int, std::string> fields;
    for (int i = 0; i < message.field_count(); ++i) {
      fields[message.field(i)->number()] = Describe(*message.field(i));
    }
    std::string& line = lines_[message.full_name()];
    line = WithoutPackage(message.full_name());
    for (const auto& [number, text] : fields) line += text;
    for (int i = 0; i < message.nested_type_count(); ++i) Add(*message.nested_type(i));
    for (int i = 0; i < message.enum_type_count(); ++i) Add(*message.enum_type(i));
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const auto& [name, line] : lines_) lines.push_back(line);
    return lines;
  }

 private:
  std::map<std::string, std::string> lines_;
};

TEST_CASE("messages and enums have Gitaly's names, numbers and types") {
  const std::string_view bytes = EmbeddedDescriptorSet();
  pb::FileDescriptorSet set;
  REQUIRE(set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  pb::DescriptorPool pool;
  Listing listing;
  for (const pb::FileDescriptorProto& proto : set.file()) {
    const pb::FileDescriptor* file = pool.BuildFile(proto);
    REQUIRE(file != nullptr);
    if (file->package() != "gitaly") continue;
    for (int i = 0; i < file->message_type_count(); ++i) listing.Add(*file->message_type(i));
    for (int i = 0; i < file->enum_type_count(); ++i) listing.Add(*file->enum_type(i));
  }

  const auto golden = test::GoldenLines("messages.golden");
  CHECK(golden.size() == 700);
  CHECK(test::Difference(golden, listing.lines()) == "");
}

}  // namespace
}  // namespace praefect::gitaly
