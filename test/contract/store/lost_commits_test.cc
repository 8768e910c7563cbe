// A database that fails over to a standby which had not everything.

#include "bookkeeper_fixture.h"
#include "datastore/rules.h"
#include "fault_fixture.h"

namespace praefect::datastore {
namespace {

using test::PostgresServer;

// The books on a server with an asynchronous standby, which follows until it is cut off.
class Failover {
 public:
  Failover() : books_(primary_), standby_(PostgresServer::StandbyOf(primary_)) {
    db::PostgresOptions both = books_.options;
    both.endpoint.host = "127.0.0.1, 127.0.0.2";
    both.endpoint.sslmode = "disable";
    books_.Open(both);
    books_.MakeSubjects(1);
    id = books_.NextSubject();
    for (const char* table : {"instances", "settled_batches", "write_intents"}) {
      const std::string sql = std::string("DELETE FROM ") + table;
      REQUIRE(books_.DatabaseFixture::Run(sql.c_str()).ok());
    }
  }

  Store& store() { return *books_.store; }
  observe::Logger& log() { return books_.log; }

  void CutOff() {
    const std::string now = Psql(primary_, "SELECT pg_current_wal_lsn()");
    REQUIRE(Becomes([&] {
      return Psql(*standby_, "SELECT pg_last_wal_replay_lsn() >= '" + now + "'") == "t";
    }));
    Psql(*standby_, "ALTER SYSTEM SET primary_conninfo = ''");
    Psql(*standby_, "SELECT pg_reload_conf()");
    REQUIRE(Becomes(
        [&] { return Psql(*standby_, "SELECT count(*) FROM pg_stat_wal_receiver") == "0"; }));
  }
  void Happen() {
    primary_.Stop();
    standby_->Promote();
  }

  Told Write(Praefect& praefect) {
    const Opened opened = praefect.Open({.id = id, .storage = "a", .term = 1},
                                        {"default", std::to_string(id) + "/p.git"});
    INFO(opened.why);
    REQUIRE(opened.result == Opened::kRecorded);
    return praefect.Settle(opened.write);
  }
  // Whether it was done; also while nobody answers.
  bool Change(Rule rule) {
    std::promise<bool> done;
    store().Change(id, std::move(rule), db::Soon(), [&](Result<Changed> result) {
      done.set_value(result.ok() && result.value == Changed::kDone);
    });
    return done.get_future().get();
  }
  // Nothing while nobody answers.
  Books Get() {
    std::promise<Books> found;
    store().Find(id, db::Soon(), [&](Result<std::optional<Repository>> result) {
      found.set_value(result.value ? result.value->books : Books());
    });
    return found.get_future().get();
  }
  int64_t NewInstance() {
    const auto timeline =
        Await<int64_t>([&](auto done) { store().ReadTimeline(db::Soon(), std::move(done)); });
    return Await<int64_t>([&](auto done) {
      store().Register("praefect-3", "boot", timeline, db::Soon(), std::move(done));
    });
  }
  bool Bury(int64_t instance) {
    return Await<bool>([&](auto done) {
      store().Bury({instance, 0}, db::Soon(), std::move(done));
    });
  }

  int64_t id = 0;

 private:
  static std::string Psql(const PostgresServer& server, const std::string& sql) {
    std::string text = server.Psql(sql);
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }

  PostgresServer primary_;
  FaultFixture books_;
  std::unique_ptr<PostgresServer> standby_;
};

TEST_CASE("what a failover loses of acknowledged writes is settled again before anybody leads") {
  Failover failover;
  Praefect praefect(failover.store(), failover.log(), KeeperFixture::Options());
  REQUIRE(praefect.BecomesReady());
  const int64_t other = failover.NewInstance();
  failover.CutOff();
  REQUIRE(failover.Write(praefect) == Told::kAcknowledged);
  REQUIRE(failover.Get().acknowledged == 1);
  failover.Happen();
  bool promoted = false;
  CHECK(Becomes([&] {
    promoted = promoted || failover.Change(PromoteTo("b", false));
    return failover.Get().acknowledged == 1;
  }));
  CHECK_FALSE(promoted);
  const Books books = failover.Get();
  CHECK(books.primary == 0);
  CHECK(IsCurrent(books, 0));
  CHECK_FALSE(IsComplete(books, 1));
  // The books have it before the reply is back here.
  CHECK(Becomes([&] { return praefect.Metric("gitaly_praefect_settled_again_total") == 1; }));

  // Somebody else may know of more.
  const Rule copy = StartCopyOnto("b", {"a"}, false, 1, 1);
  CHECK_FALSE(failover.Change(copy));
  REQUIRE(failover.Bury(other));
  CHECK(Becomes([&] { return failover.Change(copy); }));
}

TEST_CASE("an instance that forgot how its write and its copy ended settles them in the end") {
  BookkeeperOptions options = KeeperFixture::Options();
  options.windows.lost_linger = KeeperFixture::kShort;
  options.windows.beats_until_burial = 10;
  KeeperFixture books(EitherEngine(), options);
  const int64_t id = books.Make("p.git");
  REQUIRE(books.Settle(books.Open(id)) == Told::kAcknowledged);
  const int64_t instance = books.praefect->keeper->instance();
  const int64_t intent = MakeId(instance, 1'000'000);
  REQUIRE(books
              .Run("INSERT INTO write_intents (id, repository_id, storage, term, instance) "
                   "VALUES ($1, $2, 'a', 1, $3)",
                   {intent, id, instance})
              .ok());
  REQUIRE(books.Change(id, StartCopyOnto("b", {"a"}, false, intent + 1, instance)) ==
          Changed::kDone);
  CHECK(Becomes([&] { return books.Intents(id) == 0; }));
  CHECK(Becomes([&] { return books.JobOn(id, "b").state == JobState::kReady; }));
  CHECK(books.praefect->keeper->instance() == instance);
}

TEST_CASE("repositories that are too many to be remembered are counted") {
  BookkeeperOptions options = KeeperFixture::Options();
  options.max_remembered = 1;
  KeeperFixture books(EitherEngine(), options);
  for (const char* path : {"p.git", "q.git"}) {
    REQUIRE(books.Settle(books.Open(books.Make(path))) == Told::kAcknowledged);
  }
  CHECK(books.praefect->Metric("gitaly_praefect_settles_forgotten_total") == 1);
}

TEST_CASE("processes that have been dead for a day go from the books, when they left nothing") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.OpenNow(id);
  const int64_t idle = books.NewInstance(), alive = books.NewInstance();
  for (const int64_t each : {books.instance, idle}) REQUIRE(books.Bury(books.BeatOf(each)));
  const auto sweep = [&] {
    return Await<int64_t>(
        [&](auto done) { books.store->SweepInstances(db::Soon(), std::move(done)); });
  };
  CHECK(sweep() == 0);
  REQUIRE(books.Run("UPDATE instances SET changed_at = '2001-01-01 00:00:00'").ok());
  CHECK(sweep() == 1);
  CHECK(books.Value("SELECT count(*) FROM instances") == "2");
  CHECK(books.Value("SELECT count(*) FROM settled_batches") == "2");
  CHECK(books.BeatOf(alive).instance == alive);
}

}  // namespace
}  // namespace praefect::datastore
