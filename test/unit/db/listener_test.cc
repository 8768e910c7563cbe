#include "db/listener.h"

#include "database_fixture.h"

namespace praefect::db {
namespace {

using namespace std::chrono_literals;

// Everything that happened, as words in order.
class Ear {
 public:
  explicit Ear(DatabaseFixture& fixture, config::DatabaseEndpoint endpoint) {
    ListenerOptions options;
    options.endpoint = std::move(endpoint);
    options.channels = {"one", "other"};
    options.self_test_timeout = 2s;
    listener = Listen(options,
                      {[this] { Add("connected"); },
                       [this](const auto& channel, const auto& text) { Add(channel + ":" + text); },
                       [this](const Error& error) { Add(std::string(LayerName(error.layer))); }},
                      *fixture.database, fixture.log);
  }

  bool Hears(const std::string& word, int times = 1) {
    return test::Eventually([&] {
      const std::lock_guard lock(mutex_);
      return std::count(words_.begin(), words_.end(), word) >= times;
    });
  }
  std::vector<std::string> words() {
    const std::lock_guard lock(mutex_);
    return words_;
  }

 private:
  void Add(std::string word) {
    const std::lock_guard lock(mutex_);
    words_.push_back(std::move(word));
  }

  std::mutex mutex_;
  std::vector<std::string> words_;

 public:
  std::unique_ptr<Listener> listener;  // last: its thread adds words
};

TEST_CASE("what others notify is heard, in order") {
  DatabaseFixture fixture;
  Ear ear(fixture, fixture.options.endpoint);
  REQUIRE(ear.Hears("connected"));
  REQUIRE(fixture.Run("SELECT pg_notify('one', 'a'), pg_notify('elsewhere', 'x')").ok());
  REQUIRE(fixture.Run("SELECT pg_notify('other', 'b')").ok());
  REQUIRE(ear.Hears("other:b"));
  CHECK(ear.words() == std::vector<std::string>{"connected", "one:a", "other:b"});
  CHECK(ear.listener->notifications() == 2);
}

TEST_CASE("a connection that is cut is made again, and tested before it counts") {
  DatabaseFixture fixture;
  Ear ear(fixture, fixture.options.endpoint);
  REQUIRE(ear.Hears("connected"));
  REQUIRE(fixture
              .Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                   "current_database() AND pid <> pg_backend_pid()")
              .ok());
  REQUIRE(ear.Hears("connected", 2));
  REQUIRE(fixture.Run("SELECT pg_notify('one', 'after')").ok());
  CHECK(ear.Hears("one:after"));
  CHECK(ear.words().at(1) == "lost");
  CHECK(ear.listener->disconnects() == 1);
}

TEST_CASE("a pool of transactions is not listened through") {
  DatabaseFixture fixture(Kind::kPgBouncer);
  Ear ear(fixture, fixture.options.endpoint);
  CHECK(ear.Hears("listen"));
  CHECK(ear.words().front() == "listen");
  CHECK(fixture.log.Has("session_pooled"));
}

TEST_CASE("a pool of sessions is listened through") {
  DatabaseFixture fixture;
  test::PgBouncer sessions(SharedServer(), "session");
  Ear ear(fixture, sessions.Endpoint(fixture.options.endpoint.dbname));
  CHECK(ear.Hears("connected"));
}

TEST_CASE("a database that is away is waited for") {
  test::PostgresServer server;
  DatabaseFixture fixture(server);
  server.Stop();
  Ear ear(fixture, fixture.options.endpoint);
  REQUIRE(ear.Hears("connect"));
  server.Start();
  CHECK(ear.Hears("connected"));
}

}  // namespace
}  // namespace praefect::db
