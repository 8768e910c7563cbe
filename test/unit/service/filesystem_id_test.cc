#include "service/filesystem_id.h"

#include <catch2/catch.hpp>

namespace praefect::service {
namespace {

// Of RFC 4122, appendix C.
constexpr Uuid kDns = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                       0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

TEST_CASE("version 5 UUIDs are those of everybody else") {
  CHECK(UuidV5(kDns, "python.org") == "886313e1-3b8a-5372-9b90-0c9aee199e5d");
  CHECK(UuidV5(kDns, "www.example.com") == "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST_CASE("filesystem ids are those of upstream's namespace") {
  CHECK(FilesystemId("default") == "d9f04423-6b13-5949-9ffa-c06279e0796e");
  CHECK(FilesystemId("default") != FilesystemId("other"));
}

}  // namespace
}  // namespace praefect::service
