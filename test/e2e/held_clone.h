#pragma once

// `git clone` whose client stops reading in the middle of the download, until it is let go.

#include <filesystem>
#include <future>
#include <string>

#include "e2e/cluster.h"

namespace praefect::test {

class HeldClone {
 public:
  // Returns once it holds, after `bytes` of git's protocol: more than the references, less than
  // the objects.
  HeldClone(Cluster& cluster, const std::string& relative_path, size_t bytes = 1 << 20);
  HeldClone(const HeldClone&) = delete;
  HeldClone& operator=(const HeldClone&) = delete;
  ~HeldClone();

  void LetGo();
  Outcome LetGoAndWait();

 private:
  const std::filesystem::path folder_;
  std::future<Outcome> clone_;
};

}  // namespace praefect::test
