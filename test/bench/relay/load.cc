// load WORK --port PORT ...: does one kind of work through a proxy, verifies every call and every
// byte, and prints what it counted as a line of JSON. Exit code 1 when anything was not as
// expected.

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "relay/sockets.h"
#include "relay/works.h"

namespace praefect::bench {
namespace {

int Main(int argc, char** argv) {
  CLI::App app("Clients of Gitaly, many of them");
  WorkOptions options;
  std::string root;
  int cpu = -1;
  std::vector<std::string> program;
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--port", options.target.port, "of 127.0.0.1")->required();
  app.add_option("--storage", options.target.storage, "that requests name")->required();
  app.add_option("--secret", options.target.secret, "of the tokens of requests")->required();
  app.add_option("--root", root,
                 "PEM file; speak TLS with a server that has its certificate of it");
  app.add_option("--pid", options.pids, "the proxy's processes");
  app.add_option("--connections", options.connections);
  app.add_option("--streams", options.streams, "calls at once on each connection");
  app.add_option("--warm-up", options.warm_up, "seconds");
  app.add_option("--seconds", options.seconds, "that are counted");
  app.add_option("--rate", options.rate, "unary: calls a second");
  app.add_option("--bytes", options.bytes, "of each transfer; of a stalled one, before it stalls");
  app.add_flag("--may-starve", options.may_starve, "calls without an answer are no error");

  const auto run_unary = [&] { RunUnary(options); };
  const auto run_transfer = [&](Shape shape) {
    return [&, shape] { RunTransfer(options, shape); };
  };
  const std::map<std::string, std::function<void()>> works = {
      {"record", [&] { RunRecord(options); }},      {"unary", run_unary},
      {"download", run_transfer(Shape::kDownload)}, {"upload", run_transfer(Shape::kUpload)},
      {"pingpong", [&] { RunPingPong(options); }},  {"idle", [&] { RunIdle(options); }},
      {"open", [&] { RunOpen(options); }},          {"stalled", [&] { RunStalled(options); }},
  };
  for (const auto& [name, run] : works) app.add_subcommand(name);
  CLI::App* start =
      app.add_subcommand("start", "PROGRAM ARGUMENT...: from exec to its first answer");
  start->add_option("--cpu", cpu, "where the program runs");
  start->add_option("program", program)->required();
  start->positionals_at_end();
  CLI11_PARSE(app, argc, argv);

  RaiseDescriptorLimit();
  if (!root.empty()) options.target.tls = ClientTls(root);
  const std::string name = app.get_subcommands().front()->get_name();
  if (name == "start") {
    RunStart(options, program, cpu);
  } else {
    works.at(name)();
  }
  return 0;
}

}  // namespace
}  // namespace praefect::bench

int main(int argc, char** argv) { return praefect::bench::Main(argc, argv); }
