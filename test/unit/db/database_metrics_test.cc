#include "db/database_metrics.h"

#include <prometheus/text_serializer.h>

#include "database_fixture.h"

namespace praefect::db {
namespace {

TEST_CASE("what a database counted is shown") {
  DatabaseFixture fixture(Kind::kSqlite);
  fixture.database->Wait({{{"SELECT 1"}, {"SELECT 2"}}, Soon()});
  fixture.Run("nonsense");
  const std::string text =
      prometheus::TextSerializer().Serialize(DatabaseMetrics(*fixture.database).Collect());
  CHECK_THAT(text, Catch::Contains("gitaly_praefect_database_statements_total 3\n"));
  CHECK_THAT(text, Catch::Contains("transactions_total{outcome=\"committed\"} 1\n"));
  CHECK_THAT(text, Catch::Contains("transactions_total{outcome=\"failed\"} 1\n"));
  CHECK_THAT(text, Catch::Contains("gitaly_praefect_database_connections 3\n"));
  CHECK_THAT(text, Catch::Contains("gitaly_praefect_database_busy_connections 0\n"));
  CHECK_THAT(text, Catch::Contains("gitaly_praefect_database_transaction_seconds_count 2\n"));
}

}  // namespace
}  // namespace praefect::db
