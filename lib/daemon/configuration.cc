#include "daemon/configuration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>

#include "daemon/logging.h"

namespace praefect::daemon {

Configuration::Configuration(config::Config initial, observe::Logger& logger,
                             prometheus::Registry& registry)
    : logger_(logger),
      reloads_(prometheus::BuildCounter()
                   .Name("gitaly_praefect_config_reloads_total")
                   .Help("How often the configuration was read again, by result.")
                   .Register(registry)),
      last_reload_success_(prometheus::BuildGauge()
                               .Name("gitaly_praefect_config_last_reload_success")
                               .Help("Whether the last reading of the configuration was applied.")
                               .Register(registry)
                               .Add({})),
      current_(std::make_shared<const config::Config>(std::move(initial))) {
  last_reload_success_.Set(1);
  for (const char* result : {"ok", "failed"}) reloads_.Add({{"result", result}});
}

std::shared_ptr<const config::Config> Configuration::current() const {
  observe::MutexLock lock(mutex_);
  return current_;
}

bool Configuration::last_reload_failed() const { return last_reload_success_.Value() == 0; }

std::shared_ptr<const config::Config> Configuration::Reread() {
  const auto running = current();
  const config::LoadResult loaded = config::Load(running->path);
  LogProblems(logger_, observe::Level::kWarn, loaded.warnings);
  if (!loaded.config) {
    Refuse(loaded);
    return nullptr;
  }
  config::ReloadPlan plan = config::PlanReload(*running, *loaded.config);
  LogPlan(plan);
  auto next = std::make_shared<const config::Config>(std::move(plan.config));
  observe::MutexLock lock(mutex_);
  return current_ = std::move(next);
}

void Configuration::Finish(bool succeeded) {
  reloads_.Add({{"result", succeeded ? "ok" : "failed"}}).Increment();
  last_reload_success_.Set(succeeded ? 1 : 0);
}

void Configuration::Refuse(const config::LoadResult& loaded) {
  logger_.Error("the configuration file is broken: the old configuration stays in use",
                {{"error", loaded.headline}});
  LogProblems(logger_, observe::Level::kError, loaded.errors);
}

void Configuration::LogPlan(const config::ReloadPlan& plan) {
  for (const std::string& key : plan.need_restart) {
    logger_.Warn("a changed key needs a restart: its old value stays in use", {{"key", key}});
  }
  const std::string applied = fmt::format("{}", fmt::join(plan.applied, ", "));
  logger_.Info("configuration read again",
               {{"changed", applied.empty() ? std::string_view("nothing") : applied}});
}

}  // namespace praefect::daemon
