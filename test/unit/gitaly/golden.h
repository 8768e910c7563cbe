#pragma once

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace praefect::test {

// The lines of a file beside the tests, comments left out.
inline std::vector<std::string> GoldenLines(const std::string& name) {
  std::ifstream file(std::string(GOLDEN_DIR "/") + name);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line[0] != '#') lines.push_back(line);
  }
  return lines;
}

// What stands only in one of them: "- golden line", "+ actual line". Empty when they are alike.
inline std::string Difference(std::vector<std::string> golden, std::vector<std::string> actual) {
  std::sort(golden.begin(), golden.end());
  std::sort(actual.begin(), actual.end());
  std::vector<std::string> gone;
  std::vector<std::string> come;
  std::set_difference(golden.begin(), golden.end(), actual.begin(), actual.end(),
                      std::back_inserter(gone));
  std::set_difference(actual.begin(), actual.end(), golden.begin(), golden.end(),
                      std::back_inserter(come));
  std::string text;
  for (const std::string& line : gone) text += "\n- " + line;
  for (const std::string& line : come) text += "\n+ " + line;
  return text;
}

}  // namespace praefect::test
