// Sections that are not acted on yet are checked all the same, in upstream's words.

#include <catch2/catch.hpp>

#include "unit/config/loading.h"

namespace praefect::config {
namespace {

void CheckRefused(const std::string& section, const std::string& line, const std::string& message,
                  const std::string& finding) {
  const auto result = LoadWithTables("[" + section + "]\n" + line + "\n");
  CHECK(result.headline == "validating config: " + message);
  CHECK(result.errors[0].key == section + "." + line.substr(0, line.find(' ')));
  CHECK(result.errors[0].finding == finding);
}

// `serve` starts, `configuration validate` complains.
void CheckFound(const std::string& section, const std::string& line, const std::string& finding) {
  const auto result = LoadWithTables("[" + section + "]\n" + line + "\n");
  REQUIRE(result.config);
  CHECK(WarningAt(result, section + "." + line.substr(0, line.find(' '))) == finding);
  CHECK(result.warnings[0].fails_validation);
}

}  // namespace

TEST_CASE("what upstream refuses at start is refused") {
  CheckRefused("replication", "batch_size = 0", "replication batch size was 0 but must be >=1",
               "not in range: 0 is not greater than or equal to 1");
  CheckRefused("yamux", "accept_backlog = 0",
               "yamux.accept_backlog must be at least 1 but it was 0",
               "not in range: 0 is not greater than or equal to 1");
  CheckRefused("yamux", "maximum_stream_window_size_bytes = 262143",
               "yamux.maximum_stream_window_size_bytes must be at least 262144 but it was 262143",
               "not in range: 262143 is not greater than or equal to 262144");
  const std::string slow = " is less then 1m0s, which could lead to a database performance problem";
  CheckRefused("repositories_cleanup", "check_interval = '59s'",
               "repositories_cleanup.check_interval" + slow,
               "not in range: 59s is not greater than or equal to 1m0s");
  CheckRefused("repositories_cleanup", "run_interval = '1s'",
               "repositories_cleanup.run_interval" + slow,
               "not in range: 1s is not greater than or equal to 1m0s");
}

TEST_CASE("what upstream finds in validation only does not keep from serving") {
  CheckFound("replication", "parallel_storage_processing_workers = 0",
             "not in range: 0 is not greater than or equal to 1");
  CheckFound("reconciliation", "scheduling_interval = '-1s'",
             "not in range: -1s is not greater than or equal to 0s");
  CheckFound("reconciliation", "histogram_buckets = [2, 1]", "bad order: expected asc: [2, 1]");
  CheckFound("background_verification", "verification_interval = '-1h'",
             "not in range: -1h0m0s is not greater than or equal to 0s");
  CheckFound("repositories_cleanup", "repositories_in_batch = 0",
             "not in range: 0 is not greater than or equal to 1");
}

TEST_CASE("a cleanup that is off may have any interval") {
  CHECK(LoadWithTables("[repositories_cleanup]\nrun_interval = '0s'\ncheck_interval = '1s'\n")
            .config);
}

}  // namespace praefect::config
