#pragma once

// The configuration in use, and its replacement by what the file says now.

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <memory>

#include "config/config.h"
#include "config/load.h"
#include "config/reload_plan.h"
#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::daemon {

// Thread-safe; reloads come one after the other.
class Configuration {
 public:
  // `logger` and `registry` must outlive it.
  Configuration(config::Config initial, observe::Logger& logger, prometheus::Registry& registry);

  std::shared_ptr<const config::Config> current() const;
  // The last reload changed nothing, or not all that it should have.
  bool last_reload_failed() const;

  // Reads the file again, with the secret files that it names. A broken one is logged with all its
  // problems and changes nothing: null. Else the new configuration, in use from now on: what needs
  // a restart is logged, and has its old value there.
  std::shared_ptr<const config::Config> Reread();
  // How the reload ended, once its configuration was applied (or not). Counts it.
  void Finish(bool succeeded);

 private:
  void Refuse(const config::LoadResult& loaded);
  void LogPlan(const config::ReloadPlan& plan);

  observe::Logger& logger_;
  prometheus::Family<prometheus::Counter>& reloads_;
  prometheus::Gauge& last_reload_success_;
  mutable observe::Mutex mutex_;
  std::shared_ptr<const config::Config> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::daemon
