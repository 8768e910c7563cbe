#pragma once

// What a Praefect of a test shows to others on its machine: what it prints, its entries in /proc,
// files that everybody may read. It is kept for the test `secrets`, which runs after all others and
// looks for secrets in all of it (test/secrets/check_exposures.py). For that every secret that a
// test configures contains kSecretMark.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace praefect::test {

inline constexpr char kSecretMark[] = "hunter2";

// Of one process. Kept is that of Praefects only, and only where the environment variable
// PRAEFECT_TEST_EXPOSURES names a folder, as it does under ctest.
class Exposure {
 public:
  // Files in `directory` count when they may be read by everybody; `error_file` counts anyhow.
  Exposure(bool is_praefect, std::filesystem::path directory, std::filesystem::path error_file);
  Exposure(const Exposure&) = delete;
  Exposure& operator=(const Exposure&) = delete;
  ~Exposure();  // looks at the files and writes everything down

  void Add(std::string_view what, std::string_view content);
  void Printed(std::string_view piece) { printed_ += piece; }  // of standard output
  // Its arguments, environment and name (core files have it), once while it runs.
  void LookAt(pid_t pid);

 private:
  void AddFiles();

  const std::filesystem::path file_;  // empty: nothing is kept
  const std::filesystem::path directory_, error_file_;
  bool looked_ = false;
  std::string kept_, printed_;
};

}  // namespace praefect::test
