// Who sends when more is to be sent than leaves.

#include "http2/schedule.h"
#include "unit/http2/pair.h"

namespace praefect::http2 {
namespace {

TEST_CASE("sharers take turns, and so do those of one sharer") {
  Schedule schedule;
  int first, second;
  Turn turns[] = {{&first}, {&first}, {&first}, {&second}};
  for (Turn& turn : turns) schedule.Add(turn);
  std::string order;
  for (int i = 0; i < 8; i++) {
    Turn* turn = schedule.Take();
    order += static_cast<char>('0' + (turn - turns));
    schedule.Add(*turn);
  }
  CHECK(order == "03132303");
}

TEST_CASE("whoever is taken out of a schedule has no turn") {
  Schedule schedule, other;
  int sharer;
  Turn turns[] = {{&sharer}, {&sharer}, {nullptr}};
  for (Turn& turn : turns) schedule.Add(turn);
  Schedule::Remove(turns[0]);
  Schedule::Remove(turns[0]);
  other.Add(turns[2]);
  CHECK(schedule.Take() == &turns[1]);
  CHECK(schedule.Take() == nullptr);
  CHECK(other.Take() == &turns[2]);
  CHECK(other.empty());
}

TEST_CASE("sharers that are gone are forgotten") {
  Schedule schedule;
  std::vector<int> sharers(1'000);
  for (int& sharer : sharers) {
    Turn turn{&sharer};
    schedule.Add(turn);
    CHECK(schedule.Take() == &turn);
  }
  CHECK(schedule.circles() <= 64);
}

TEST_CASE("sharers that wait are never forgotten, however many they are") {
  Schedule schedule;
  std::vector<int> sharers(1'000);
  std::vector<Turn> turns(sharers.size());
  for (size_t i = 0; i < turns.size(); i++) {
    turns[i].sharer = &sharers[i];
    schedule.Add(turns[i]);
  }
  for (Turn& turn : turns) CHECK(schedule.Take() == &turn);
  CHECK(schedule.empty());
}

TEST_CASE("a client with many streams sends no more to a node than one with a single stream") {
  Pair pair;
  int many, one;
  pair.stuck = true;
  std::vector<std::unique_ptr<Ear>> ears;
  auto open = [&](const void* sharer, size_t bytes) {
    auto& ear = *ears.emplace_back(std::make_unique<Ear>());
    ear.stream = pair.client.connection->Open(Request(), false, ear, nullptr, sharer);
    ear.stream->SendData(pair.Bytes(std::string(bytes, sharer == &one ? '1' : 'm')));
  };
  for (int i = 0; i < 90; i++) open(&many, 64 << 10);
  open(&one, 256 << 10);
  pair.RunRounds();
  pair.stuck = false;
  size_t of_many = 0, of_one = 0;
  pair.RunUntil([&] {
    of_many = of_one = 0;
    for (const auto& ear : pair.server.ears) {
      const bool ones = !ear->body.empty() && ear->body[0] == '1';
      (ones ? of_one : of_many) += ear->body.size();
    }
    return of_one == 256 << 10;
  });
  CHECK(of_many < 2 << 20);  // of almost 6 MiB; 64 KiB and what was under way are its own
}

}  // namespace
}  // namespace praefect::http2
