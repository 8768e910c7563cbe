// prune FULL.pb WANTED.txt PRUNED.pb: from a descriptor set, keeps the services, RPCs and messages
// that WANTED.txt names and all messages and enums they need. protoc makes C++ from the result.

#include <google/protobuf/descriptor.pb.h>

#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>

using google::protobuf::DescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::MethodDescriptorProto;
using google::protobuf::ServiceDescriptorProto;

namespace {

constexpr char kOptionsFile[] = "gitaly/options.proto";

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "prune: " << what << '\n';
  exit(1);
}

std::string ReadFile(const char* path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  if (!in) Fail(std::string("cannot read ") + path);
  return content.str();
}

// Leaves an unchanged file alone, so that nothing that depends on it is built again.
void WriteIfChanged(const char* path, const std::string& content) {
  if (std::ifstream(path, std::ios::binary).good() && ReadFile(path) == content) return;
  std::ofstream out(path, std::ios::binary);
  out << content;
  if (!out.flush()) Fail(std::string("cannot write ") + path);
}

// File name -> wanted names in it ("Service", "Service.Rpc" or "Message").
std::map<std::string, std::set<std::string>> ParseWanted(const std::string& text) {
  std::map<std::string, std::set<std::string>> wanted;
  std::set<std::string>* section = nullptr;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.front() == '[' && line.back() == ']') {
      section = &wanted[line.substr(1, line.size() - 2)];
    } else if (section == nullptr || !section->insert(line).second) {
      Fail("stray or repeated line: " + line);
    }
  }
  return wanted;
}

bool CarriesOptions(const DescriptorProto& message) {
  for (const auto& field : message.field()) {
    if (!field.options().unknown_fields().empty()) return true;
  }
  for (const DescriptorProto& nested : message.nested_type()) {
    if (CarriesOptions(nested)) return true;
  }
  return false;
}

// The extensions of options.proto are unknown fields here.
bool CarriesOptions(const FileDescriptorProto& file) {
  for (const ServiceDescriptorProto& service : file.service()) {
    if (!service.options().unknown_fields().empty()) return true;
    for (const MethodDescriptorProto& method : service.method()) {
      if (!method.options().unknown_fields().empty()) return true;
    }
  }
  for (const DescriptorProto& message : file.message_type()) {
    if (CarriesOptions(message)) return true;
  }
  return false;
}

class Pruner {
 public:
  Pruner(const FileDescriptorSet& full, std::map<std::string, std::set<std::string>> wanted)
      : full_(full), wanted_(std::move(wanted)) {
    for (const FileDescriptorProto& file : full.file()) {
      const std::string prefix = "." + file.package() + ".";
      for (const auto& message : file.message_type()) {
        types_[prefix + message.name()] = {&file, &message};
      }
      for (const auto& one : file.enum_type()) types_[prefix + one.name()] = {&file, nullptr};
    }
  }

  FileDescriptorSet Run() {
    for (const FileDescriptorProto& file : full_.file()) {
      if (wanted_.count(file.name()) != 0) Select(file);
    }
    FileDescriptorSet result;
    for (const FileDescriptorProto& file : full_.file()) {
      if (wanted_.count(file.name()) != 0) {
        *result.add_file() = Kept(file);
      } else if (file.package() == "google.protobuf") {
        *result.add_file() = file;
      }
    }
    for (const auto& [name, rest] : wanted_) {
      if (!rest.empty()) Fail(name + " has no " + *rest.begin());
    }
    return result;
  }

 private:
  struct Type {
    const FileDescriptorProto* file;
    const DescriptorProto* message;  // nullptr for an enum
  };

  // Takes the wanted names of `file` off the list and marks the types that they need.
  void Select(const FileDescriptorProto& file) {
    std::set<std::string>& names = wanted_[file.name()];
    const bool is_options = file.name() == kOptionsFile;
    for (const DescriptorProto& message : file.message_type()) {
      const bool wanted = names.erase(message.name()) != 0;
      if (wanted || is_options) Need("." + file.package() + "." + message.name(), file);
    }
    for (const ServiceDescriptorProto& service : file.service()) {
      const bool whole = names.erase(service.name()) != 0;
      for (const MethodDescriptorProto& method : service.method()) {
        if (names.erase(service.name() + "." + method.name()) == 0 && !whole) continue;
        methods_.insert(&method);
        Need(method.input_type(), file);
        Need(method.output_type(), file);
      }
    }
  }

  // `name`, which `user` refers to, may lie inside a message: the whole outermost one is kept then.
  void Need(const std::string& name, const FileDescriptorProto& user) {
    std::string outermost = name;
    while (types_.count(outermost) == 0) {
      const size_t dot = outermost.rfind('.');
      if (dot == 0 || dot == std::string::npos) Fail("unknown type " + name);
      outermost.resize(dot);
    }
    const Type& type = types_[outermost];
    imports_[user.name()].insert(type.file->name());
    if (type.file->package() == "google.protobuf" || !needed_.insert(outermost).second) return;
    if (wanted_.count(type.file->name()) == 0) {
      Fail(name + " is needed: add the section [" + type.file->name() + "]");
    }
    if (type.message != nullptr) NeedFieldsOf(*type.message, *type.file);
  }

  void NeedFieldsOf(const DescriptorProto& message, const FileDescriptorProto& file) {
    for (const auto& field : message.field()) {
      if (!field.type_name().empty()) Need(field.type_name(), file);
    }
    for (const DescriptorProto& nested : message.nested_type()) NeedFieldsOf(nested, file);
  }

  FileDescriptorProto Kept(const FileDescriptorProto& file) {
    FileDescriptorProto kept = file;
    const std::string prefix = "." + file.package() + ".";
    kept.clear_message_type();
    kept.clear_enum_type();
    kept.clear_service();
    for (const DescriptorProto& message : file.message_type()) {
      if (needed_.count(prefix + message.name()) != 0) *kept.add_message_type() = message;
    }
    for (const auto& one : file.enum_type()) {
      if (needed_.count(prefix + one.name()) != 0) *kept.add_enum_type() = one;
    }
    for (const ServiceDescriptorProto& service : file.service()) KeepService(service, &kept);
    KeepImports(file, &kept);
    return kept;
  }

  void KeepService(const ServiceDescriptorProto& service, FileDescriptorProto* kept) {
    ServiceDescriptorProto pruned = service;
    pruned.clear_method();
    for (const MethodDescriptorProto& method : service.method()) {
      if (methods_.count(&method) != 0) *pruned.add_method() = method;
    }
    if (pruned.method_size() != 0) *kept->add_service() = pruned;
  }

  // protoc warns about every import that nothing uses.
  void KeepImports(const FileDescriptorProto& file, FileDescriptorProto* kept) {
    std::set<std::string>& used = imports_[file.name()];
    if (CarriesOptions(*kept)) used.insert(kOptionsFile);
    kept->clear_dependency();
    for (const std::string& dependency : file.dependency()) {
      const bool extended = file.name() == kOptionsFile;
      if (extended || used.count(dependency) != 0) kept->add_dependency(dependency);
    }
  }

  const FileDescriptorSet& full_;
  std::map<std::string, std::set<std::string>> wanted_;
  std::map<std::string, Type> types_;  // outermost messages and enums by full name
  std::set<std::string> needed_;
  std::set<const MethodDescriptorProto*> methods_;
  std::map<std::string, std::set<std::string>> imports_;  // files by the file that refers to them
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) Fail("usage: prune FULL.pb WANTED.txt PRUNED.pb");
  FileDescriptorSet full;
  if (!full.ParseFromString(ReadFile(argv[1]))) Fail("broken descriptor set");
  WriteIfChanged(argv[3], Pruner(full, ParseWanted(ReadFile(argv[2]))).Run().SerializeAsString());
}
