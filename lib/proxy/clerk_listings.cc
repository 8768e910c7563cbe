// How clients know what lies on the nodes.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "datastore/await.h"
#include "datastore/names.h"
#include "gitaly/internal.pb.h"
#include "http2/grpc.h"
#include "proxy/clerk.h"
#include "proxy/decisions.h"

namespace praefect::proxy {
namespace {

using absl::StatusCode;
using Modified = std::optional<std::chrono::nanoseconds>;

constexpr int kPlacesAtATime = 5'000;
// Of a listing; the last response of a piece may make it longer.
constexpr size_t kPieceBytes = 64 << 10;

void Append(const std::string& path, const Modified& modified, std::deque<std::string>& listing) {
  ::gitaly::WalkReposResponse response;
  response.set_relative_path(path);
  if (modified) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*modified);
    response.mutable_modification_time()->set_seconds(seconds.count());
    response.mutable_modification_time()->set_nanos(
        static_cast<int>((*modified - seconds).count()));
  }
  uint8_t prefix[http2::kMessagePrefix];
  http2::WritePrefix(prefix, {0, static_cast<uint32_t>(response.ByteSizeLong())});
  if (listing.empty() || listing.back().size() >= kPieceBytes) listing.emplace_back();
  listing.back().append(reinterpret_cast<const char*>(prefix), sizeof prefix);
  response.AppendToString(&listing.back());
}

Decision NotWalked(const std::string& virtual_storage, const std::string& why) {
  return Refused(StatusCode::kUnavailable,
                 fmt::format("what lies in virtual storage \"{}\" has to be asked of every node: "
                             "{}",
                             virtual_storage, why),
                 "node_unanswered",
                 "a storage that will not come back has to leave the "
                 "configuration");
}

}  // namespace

void Clerk::List(std::string virtual_storage, db::Deadline deadline, Done done) {
  Hand([=, this] { return ListNow(virtual_storage, deadline); }, std::move(done));
}
void Clerk::NameOf(Name place, db::Deadline deadline, Done done) {
  Hand([=, this] { return NameOfNow(place, deadline); }, std::move(done));
}

Decision Clerk::ListNow(const std::string& virtual_storage, db::Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (listings_ >= options_.max_listings) {
      return Refused(StatusCode::kResourceExhausted,
                     "too many storages are being listed, try again", "too_many_listings");
    }
    ++listings_;
  }
  Decision decision = ListOnce(virtual_storage, deadline);
  const std::lock_guard lock(mutex_);
  --listings_;
  return decision;
}

// The nodes are asked first: what is made meanwhile is in the books when these are read, and not
// taken for nobody's.
Decision Clerk::ListOnce(const std::string& virtual_storage, db::Deadline deadline) const {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  std::map<std::string, Modified> lying;  // by path; when a node changed it last
  Walked walked = WalkAll(virtual_storage, std::max(left, std::chrono::milliseconds(1)));
  if (!walked.unanswered.empty()) return NotWalked(virtual_storage, walked.unanswered);
  for (WalkedRepository& each : walked.repositories) {
    Modified& modified = lying[std::move(each.path)];
    modified = std::max(modified, each.modified);
  }
  std::set<std::string> places;
  std::map<std::string, Modified> names;
  for (std::string after;;) {
    auto listed = datastore::Await<std::vector<datastore::Place>>([&](auto done) {
      keeper_.store().ListPlaces(virtual_storage, after, kPlacesAtATime, deadline, std::move(done));
    });
    if (!listed.ok()) return DatabaseAway(*listed.error);
    for (datastore::Place& place : listed.value) {
      const auto found = lying.find(place.replica_path);
      const Modified modified = found == lying.end() ? std::nullopt : found->second;
      if (!place.relative_path.empty()) names.emplace(std::move(place.relative_path), modified);
      places.insert(place.replica_path);
    }
    if (listed.value.size() < kPlacesAtATime) break;
    after = listed.value.back().replica_path;
  }
  for (const auto& [path, modified] : lying) {
    if (!datastore::OverlapsAny(places, path)) names.emplace(path, modified);
  }
  Decision decision{Decision::kListed};
  for (const auto& [path, modified] : names) Append(path, modified, decision.listing);
  return decision;
}

Decision Clerk::NameOfNow(const Name& place, db::Deadline deadline) const {
  const auto id = datastore::Await<int64_t>([&](auto done) {
    keeper_.store().FindPlace(place.virtual_storage, place.relative_path, deadline,
                              std::move(done));
  });
  if (!id.ok()) return DatabaseAway(*id.error);
  Decision decision{Decision::kNamed};
  decision.name = place.relative_path;  // nobody's is read where it lies
  if (id.value == 0) return decision;
  const auto found = datastore::Await<std::optional<datastore::Repository>>(
      [&](auto done) { keeper_.store().Find(id.value, deadline, std::move(done)); });
  if (!found.ok()) return DatabaseAway(*found.error);
  decision.name = found.value ? found.value->name.relative_path : "";
  return decision;
}

}  // namespace praefect::proxy
