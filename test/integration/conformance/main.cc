// Runs the suite: conformance [-direct] [-tls] [-praefect=PATH] [Catch2's own arguments]
// -tls encrypts both of Praefect's sides, instead of running over tcp and over unix sockets.
// -direct leaves Praefect out: client and node talk to each other.

#ifndef __clang__  // g++ 12 with sanitizers sees this in the regular expressions of Catch2
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>
#include <optional>
#include <string_view>
#include <vector>

#include "integration/conformance/fixture.h"
#include "support/certificate_authority.h"

namespace praefect::test {
namespace {

// Every run of a case counts: one for each transport and row of its table.
struct CaseCounter : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;

  void sectionStarting(const Catch::SectionInfo& section) override {
    TestEventListenerBase::sectionStarting(section);
    ++depth_;
  }

  void sectionEnded(const Catch::SectionStats& section) override {
    TestEventListenerBase::sectionEnded(section);
    if (--depth_ > 0) return;
    ++cases_;
    if (section.assertions.failed == 0) ++passed_;
  }

  void testRunEnded(const Catch::TestRunStats& run) override {
    TestEventListenerBase::testRunEnded(run);
    std::printf("%s: %d cases over %s, %d passed\n",
                settings().direct ? "conformance without praefect" : "conformance", cases_,
                settings().tls ? "tls" : "tcp and unix", passed_);
    std::fflush(stdout);
  }

  int depth_ = 0;
  int cases_ = 0;
  int passed_ = 0;
};
CATCH_REGISTER_LISTENER(CaseCounter)

// The only way to hand arguments of the program to Catch2's cases.
Settings& MutableSettings() {
  static Settings settings{false, false, PRAEFECT_PROGRAM};
  return settings;
}

bool TakeArgument(std::string_view argument) {
  while (argument.starts_with("-")) argument.remove_prefix(1);
  constexpr std::string_view kPath = "praefect=";
  if (argument == "direct") {
    MutableSettings().direct = true;
    return true;
  }
  if (argument == "tls") {
    MutableSettings().tls = true;
    return true;
  }
  if (argument.starts_with(kPath)) MutableSettings().praefect = argument.substr(kPath.size());
  return argument.starts_with(kPath);
}

}  // namespace

const Settings& settings() { return MutableSettings(); }

}  // namespace praefect::test

int main(int argc, char** argv) {
  std::vector<const char*> arguments(argv, argv + 1);
  for (int i = 1; i < argc; ++i) {
    if (!praefect::test::TakeArgument(argv[i])) arguments.push_back(argv[i]);
  }
  Catch::Session session;
  const int wrong = session.applyCommandLine(static_cast<int>(arguments.size()), arguments.data());
  if (wrong != 0) return wrong;
  std::optional<praefect::test::CertificateAuthority> authority;
  if (praefect::test::settings().tls) {
    const auto issued = authority.emplace().Issue();
    praefect::test::UseTlsFiles({issued.chain, issued.key, authority->root()});
  }
  if (praefect::test::settings().direct) {
    auto& tests = session.configData().testsOrTags;
    if (tests.empty()) tests.emplace_back();
    for (std::string& test : tests) test += "~[praefect]";
  }
  return session.run();
}
