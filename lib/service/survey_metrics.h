#pragma once

// What a survey found, as metrics. Names and labels are upstream's where it has them.

#include <prometheus/metric_family.h>

#include <vector>

#include "service/survey.h"

namespace praefect::service {

// Pure. For every configured storage, also where nothing is due, so that alerts see a zero.
std::vector<prometheus::MetricFamily> SurveyMetrics(const Survey& survey,
                                                    const nodes::Snapshot& snapshot,
                                                    std::chrono::steady_clock::time_point now);

}  // namespace praefect::service
