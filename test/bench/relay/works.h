#pragma once

// The kinds of work of the load generator. Each prints one JSON object on a line; what fails ends
// the program (failure.h).

#include <string>
#include <vector>

#include "relay/client.h"
#include "relay/process_figures.h"

namespace praefect::bench {

struct WorkOptions {
  Target target;
  std::vector<pid_t> pids;  // of the proxy
  size_t connections = 1;
  size_t streams = 1;       // of each connection
  double warm_up = 0;       // seconds before what counts
  double seconds = 1;       // that count
  uint64_t rate = 0;        // calls a second, evenly; 0: as many as come
  uint64_t bytes = 0;       // of one transfer
  bool may_starve = false;  // calls that get no answer are no error
};

// One write to each repository, so that Praefect knows them as it does in production: {"calls"}.
void RunRecord(const WorkOptions& options);
// Small calls, as many as come with a call on every stream: {"calls", "seconds", "cpu_us"}. With a
// rate also {"p50_us", "p99_us"}, from when each call was due to its end.
void RunUnary(const WorkOptions& options);
// kDownload or kUpload on every stream: {"bytes", "seconds", "cpu_us"}.
void RunTransfer(const WorkOptions& options, Shape shape);
// Pings on every stream, each after the answer to the one before: {"rounds", "seconds", "cpu_us"}.
void RunPingPong(const WorkOptions& options);
// Connections that made one call and then do nothing: {"resident_bytes"}, of the proxy.
void RunIdle(const WorkOptions& options);
// Ping-pong calls that were answered once and stay open: {"resident_bytes"}.
void RunOpen(const WorkOptions& options);
// Downloads of which `bytes` are read and then nothing more, ever. {"bytes"} once nothing more
// comes; ends when standard input does.
void RunStalled(const WorkOptions& options);
// Runs `program` and kills it after its first OK answer: {"seconds"} since exec, with a client that
// tries every 2 ms. `cpu`: where it runs; -1: anywhere.
void RunStart(const WorkOptions& options, const std::vector<std::string>& program, int cpu);

}  // namespace praefect::bench
