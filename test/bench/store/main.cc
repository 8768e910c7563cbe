// store -seconds N [-seed S] [-break MISTAKE]: exit 1 when an invariant broke.
// store -figures: what the books cost.

#include <fmt/format.h>

#include <charconv>
#include <random>
#include <string_view>

#include "figures.h"
#include "stress.h"

namespace praefect::bench {
namespace {

int Usage() {
  fmt::print(stderr, "usage: store -seconds N [-seed S] [-break MISTAKE] | store -figures\n");
  for (const Mistake& mistake : Mistakes()) {
    fmt::print(stderr, "  {:<16} {}\n", mistake.name, mistake.what);
  }
  return 2;
}

bool ReadNumber(std::string_view text, uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

int Main(int argc, char** argv) {
  StressOptions options;
  options.seed = std::random_device()();
  if (argc == 2 && std::string_view(argv[1]) == "-figures") {
    PrintFigures();
    return 0;
  }
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    uint32_t number = 0;
    if (flag == "-break") {
      options.mistake = FindMistake(argv[i + 1]);
      if (options.mistake == nullptr) return Usage();
    } else if ((flag == "-seconds" || flag == "-seed") && ReadNumber(argv[i + 1], number)) {
      if (flag == "-seed") options.seed = number;
      if (flag == "-seconds") options.time = std::chrono::seconds(number);
    } else {
      return Usage();
    }
  }
  if (argc % 2 == 0) return Usage();
  fmt::print("seed {}\n", options.seed);
  Stress stress(options);
  const std::string broken = stress.Run();
  fmt::print("{}\n", stress.Summary());
  if (!broken.empty()) fmt::print("BROKEN: {}\n", broken);
  return broken.empty() ? 0 : 1;
}

}  // namespace
}  // namespace praefect::bench

int main(int argc, char** argv) {
  try {
    return praefect::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "store: {}\n", error.what());
    return 2;
  }
}
