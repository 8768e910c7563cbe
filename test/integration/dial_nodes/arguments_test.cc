// How dial-nodes is called.

#include <catch2/catch.hpp>
#include <filesystem>

#include "dialing.h"

namespace praefect::test {
namespace {

TEST_CASE("only one virtual storage is looked at where one is named") {
  const NodeProcess node(NewGitaly("gitaly-1"));
  Dialing dialing("good");
  dialing.Add(node);
  dialing.AddVirtualStorage("bad");
  dialing.Add("gitaly-1", "tcp://127.0.0.1:1");
  CHECK(dialing.Run().exit_code == 1);
  CHECK(dialing.Run({"-virtual-storage", "good"}).exit_code == 0);
  CHECK(dialing.Run({"-virtual-storage=bad"}).exit_code == 1);
}

TEST_CASE("a virtual storage that does not exist is wrong usage") {
  Dialing dialing("default");
  dialing.Add("gitaly-1", "tcp://127.0.0.1:1");
  CHECK(dialing.Run({"-virtual-storage", "defualt"}) ==
        Ending{2, "", "no virtual storage is named \"defualt\"; did you mean \"default\"?\n"});
  CHECK(dialing.Run({"-virtual-storage", "x"}) ==
        Ending{2, "", "no virtual storage is named \"x\"; there are: default\n"});
}

TEST_CASE("the older name does the same") {
  Dialing dialing;
  dialing.Add("gitaly-1", "tcp://127.0.0.1:1");
  const Ending ending = dialing.Run();
  const std::string config = dialing.folder() / "config.toml";
  CHECK(Praefect({"-config", config, "ping-nodes"}) == ending);
}

TEST_CASE("neither a database nor a place to write is needed") {
  const NodeProcess node(NewGitaly("gitaly-1"));
  Dialing dialing;
  dialing.Add(node);
  dialing.AddText("[database]\nhost = '127.0.0.1'\nport = 1\nuser = 'u'\ndbname = 'd'\n");
  CHECK(dialing.Run({"-timeout", "0"}).exit_code == 0);
  const std::filesystem::directory_iterator files(dialing.folder().path());
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a broken configuration fails with all that is wrong") {
  Dialing dialing;
  const Ending ending = dialing.Run();
  CHECK(ending.exit_code == 1);
  CHECK(ending.output.empty());
  CHECK(Mentions(ending.error, "no primary gitaly backends configured"));
}

TEST_CASE("a timeout has an end itself") {
  Dialing dialing;
  dialing.Add("gitaly-1", "tcp://127.0.0.1:1");
  CHECK(dialing.Run({"-timeout", "61m"}) == Ending{2, "", "-timeout: at most 1h\n"});
}

}  // namespace
}  // namespace praefect::test
