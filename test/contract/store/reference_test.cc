// The store and its rules against a small model of what nodes hold and clients were told.

#include <random>

#include "reference_world.h"

namespace praefect::datastore {
namespace {

constexpr int kSteps = 600;

TEST_CASE("whatever happens, the books claim nothing that the disks do not keep") {
  const db::Kind kind = EachKind();
  const uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  StoreFixture books(kind);
  ReferenceWorld world(books, seed);
  for (int step = 0; step < kSteps; ++step) world.Step();
  world.ComeToRest();
}

}  // namespace
}  // namespace praefect::datastore
