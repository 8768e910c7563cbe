#include "db/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <map>
#include <optional>
#include <thread>

#include "observe/mutex.h"

namespace praefect::db {
namespace {

bool IsNumeric(const std::string& name) {
  in6_addr address;
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

Resolved Lookup(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (code != 0) return {{}, code == EAI_NONAME ? "no such host" : gai_strerror(code)};
  Resolved resolved;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      resolved.addresses.emplace_back(text);
    }
  }
  freeaddrinfo(found);
  return resolved;
}

}  // namespace

// Outlives the resolver for the sake of a lookup that hangs.
struct Resolver::State {
  struct Question {
    std::optional<Resolved> answer;
  };

  observe::Mutex mutex;
  observe::Condition answered;
  // Of lookups under way; those who wait hold the question beyond its answer.
  std::map<std::string, std::shared_ptr<Question>> questions ABSL_GUARDED_BY(mutex);
};

Resolver::Resolver() : state_(std::make_shared<State>()) {}

Resolver::~Resolver() = default;

Resolved Resolver::Resolve(const std::string& name,
                           std::chrono::steady_clock::time_point deadline) {
  if (IsNumeric(name)) return {{name}, ""};
  observe::MutexLock lock(state_->mutex);
  std::shared_ptr<State::Question>& entry = state_->questions[name];
  if (!entry) {
    entry = std::make_shared<State::Question>();
    std::thread([state = state_, name] {
      Resolved answer = Lookup(name);
      observe::MutexLock lock(state->mutex);
      const auto found = state->questions.find(name);
      found->second->answer = std::move(answer);
      state->questions.erase(found);
      state->answered.NotifyAll();
    }).detach();
  }
  const std::shared_ptr<State::Question> question = entry;
  while (!question->answer) {
    if (!state_->answered.WaitUntil(lock, deadline)) break;
  }
  return question->answer ? *question->answer : Resolved{{}, "no answer within the time limit"};
}

}  // namespace praefect::db
