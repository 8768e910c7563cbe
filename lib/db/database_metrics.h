#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "db/database.h"
#include "db/listener.h"

namespace praefect::db {

// What a database counted, as metrics. Runs no SQL.
class DatabaseMetrics final : public prometheus::Collectable {
 public:
  // Both are borrowed; `listener` is null where there is none.
  explicit DatabaseMetrics(const Database& database, const Listener* listener = nullptr)
      : database_(database), listener_(listener) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Database& database_;
  const Listener* const listener_;
};

}  // namespace praefect::db
