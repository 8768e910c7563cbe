#pragma once

// Reads one TOML table into fields: checks types, remembers lines, and at the end names what nobody
// asked for.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/findings.h"

namespace praefect::config {

enum class Kind { kString, kInteger, kBoolean, kDuration, kNumbers };

// A key that has its place in the file and no effect here.
struct IgnoredKey {
  std::string_view name;
  Kind kind;
};

// A Read leaves its field alone when the key is absent or, after an error, of a wrong type. `table`
// and `findings` are borrowed.
class Section {
 public:
  // `path` is the key path of the table, empty for the file itself.
  Section(const Table& table, std::string path, Findings& findings);

  std::string PathOf(std::string_view name) const;
  bool Has(std::string_view name) const { return table_.Find(name) != nullptr; }

  void Read(std::string_view name, std::string& field);
  void Read(std::string_view name, bool& field);
  void Read(std::string_view name, std::chrono::milliseconds& field,
            std::chrono::milliseconds least = std::chrono::milliseconds::min(),
            std::chrono::milliseconds most = std::chrono::milliseconds::max());
  void Read(std::string_view name, std::vector<double>& field);
  // An integer in a string is taken, with a warning: older templates quote some.
  template <class Integer>
  void Read(std::string_view name, Integer& field, int64_t least = kLowest,
            int64_t most = kHighest) {
    const auto value = ReadInteger(name, least, most);
    if (value) field = static_cast<Integer>(*value);
  }

  // `name`, or the contents of the file that NAME_file names; not both.
  void ReadSecret(const std::string& name, std::string& field);

  // Reports the keys that are there and were asked for as having no effect.
  void NotActedOn();
  // Checks the types of the keys that are there and reports each as having no effect.
  void Ignore(std::span<const IgnoredKey> keys);

  std::optional<Section> Child(std::string_view name);   // [name]
  std::vector<Section> Children(std::string_view name);  // [[name]]

  // Warns about every key that was neither read nor ignored. `elsewhere` are names of the file's
  // top level: TOML gives a key below a [header] to that table, which surprises people.
  void Finish(std::span<const std::string> elsewhere = {});

  const std::vector<std::string>& known() const { return known_; }

 private:
  static constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
  static constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

  const Value* Find(std::string_view name);
  std::optional<int64_t> ReadInteger(std::string_view name, int64_t least, int64_t most);
  std::optional<double> ReadNumber(std::string_view path, const Value& value);
  void Ignore(const IgnoredKey& key);
  void WrongType(std::string_view path, const Value& value, std::string_view wanted,
                 std::string suggestion);
  void ReportUnknown(const Entry& entry, std::span<const std::string> elsewhere);

  const Table& table_;
  std::string path_;
  Findings& findings_;
  std::vector<std::string> known_;
};

}  // namespace praefect::config
