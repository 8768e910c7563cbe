#include "service/server_info.h"

#include <catch2/catch.hpp>

#include "service/filesystem_id.h"

namespace praefect::service {
namespace {

// gitaly-1 and so on; the last one is the primary.
nodes::VirtualStorage WithNodes(size_t count) {
  nodes::VirtualStorage storage;
  storage.name = "default";
  for (size_t i = 0; i < count; ++i) {
    storage.nodes.emplace_back().storage = "gitaly-" + std::to_string(i + 1);
  }
  storage.nodes.back().primary = true;
  return storage;
}

::gitaly::ServerInfoResponse Answer(std::initializer_list<const char*> storages) {
  ::gitaly::ServerInfoResponse response;
  for (const char* name : storages) {
    auto* status = response.add_storage_statuses();
    status->set_storage_name(name);
    status->set_readable(true);
    status->set_filesystem_id(std::string("id of ") + name);
    status->set_fs_type("EXT_2_3_4");
  }
  return response;
}

TEST_CASE("the primary's own storage goes by the virtual storage's name") {
  const auto status = StatusOf(WithNodes(2), Answer({"gitaly-1", "gitaly-2", "gitaly-3"}));
  REQUIRE(status);
  CHECK(status->storage_name() == "default");
  CHECK(status->readable());
  CHECK_FALSE(status->writeable());
  CHECK(status->fs_type() == "EXT_2_3_4");
  CHECK(status->replication_factor() == 2);
  CHECK(status->filesystem_id() == FilesystemId("default"));
}

TEST_CASE("a single node keeps its filesystem id") {
  CHECK(StatusOf(WithNodes(1), Answer({"gitaly-1"}))->filesystem_id() == "id of gitaly-1");
}

TEST_CASE("a node that does not know its storage says nothing about it") {
  CHECK_FALSE(StatusOf(WithNodes(2), Answer({"gitaly-1", "default"})));
  CHECK_FALSE(StatusOf(WithNodes(1), Answer({})));
}

}  // namespace
}  // namespace praefect::service
