#include "net/resolver.h"

#include <absl/strings/str_cat.h>
#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace praefect::net {

// Threads outlive the resolver, so what they need is shared with it.
struct Resolver::Shared {
  using Name = std::pair<std::string, uint16_t>;

  void LookUp(const Name& name) {
    Addresses addresses = lookup(name.first, name.second);
    if (addresses.ok() && addresses->size() > kMaxAddresses) addresses->resize(kMaxAddresses);
    const std::lock_guard lock(mutex);
    for (Request::State* waiting : under_way[name]) Tell(*waiting, addresses);
    under_way.erase(name);
  }
  static void Tell(Request::State& waiting, Addresses addresses);

  const Lookup lookup;
  std::mutex mutex;
  std::map<Name, std::vector<Request::State*>> under_way;  // guarded by mutex
};

struct Resolver::Request::State : std::enable_shared_from_this<State> {
  std::shared_ptr<Shared> shared;
  Shared::Name name;
  EventLoop* loop = nullptr;
  std::function<void(Addresses)> done;
};

// The request is still there, because it waits for the mutex when it goes; the loop as well then.
void Resolver::Shared::Tell(Request::State& waiting, Addresses addresses) {
  waiting.loop->Post(
      [state = waiting.weak_from_this(), addresses = std::move(addresses)]() mutable {
        if (const auto alive = state.lock()) alive->done(std::move(addresses));
      });
}

Resolver::Request::Request(std::shared_ptr<State> state) : state_(std::move(state)) {}

Resolver::Request::~Request() {
  const std::lock_guard lock(state_->shared->mutex);
  const auto found = state_->shared->under_way.find(state_->name);
  if (found != state_->shared->under_way.end()) std::erase(found->second, state_.get());
}

Resolver::Resolver(Lookup lookup) : shared_(new Shared{std::move(lookup), {}, {}}) {}
Resolver::~Resolver() = default;

std::unique_ptr<Resolver::Request> Resolver::Resolve(EventLoop& loop, const std::string& host,
                                                     uint16_t port,
                                                     std::function<void(Addresses)> done) {
  auto state = std::make_shared<Request::State>();
  state->shared = shared_;
  state->name = {host, port};
  state->loop = &loop;
  state->done = std::move(done);
  std::unique_ptr<Request> request(new Request(state));
  const std::lock_guard lock(shared_->mutex);
  if (auto found = shared_->under_way.find(state->name); found != shared_->under_way.end()) {
    found->second.push_back(state.get());
    return request;
  }
  if (shared_->under_way.size() >= kMaxLookups) {
    Shared::Tell(*state, absl::ResourceExhaustedError(
                             absl::StrCat("cannot resolve \"", host, "\": ", kMaxLookups,
                                          " other names are being resolved")));
    return request;
  }
  shared_->under_way[state->name].push_back(state.get());
  try {
    std::thread([shared = shared_, name = state->name] { shared->LookUp(name); }).detach();
  } catch (const std::system_error& error) {
    shared_->under_way.erase(state->name);
    Shared::Tell(*state, absl::ResourceExhaustedError(absl::StrCat(
                             "cannot resolve \"", host, "\": no thread: ", error.what())));
  }
  return request;
}

Resolver::Addresses Resolver::LookUp(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (error != 0) {
    const char* why = error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
    return absl::NotFoundError(absl::StrCat("cannot resolve \"", host, "\": ", why));
  }
  std::vector<SocketAddress> addresses;
  for (addrinfo* each = found; each != nullptr; each = each->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace praefect::net
