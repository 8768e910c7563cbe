#include "database_fixture.h"

namespace praefect::db {

void LogOfTest::Write(observe::Level, std::string_view message,
                      std::span<const observe::Field> fields) {
  const std::lock_guard lock(mutex_);
  text_ += message;
  for (const observe::Field& field : fields) {
    const auto* value = std::get_if<std::string_view>(&field.value);
    if (value != nullptr) (text_ += ' ') += *value;
  }
  text_ += '\n';
}

std::string LogOfTest::text() const {
  const std::lock_guard lock(mutex_);
  return text_;
}

test::PostgresServer& SharedServer() {
  static test::PostgresServer server;
  return server;
}

test::PgBouncer& SharedPgBouncer() {
  // Few connections behind it: a client that left something in one would meet it again.
  static test::PgBouncer bouncer(SharedServer(), "transaction", "default_pool_size = 3");
  return bouncer;
}

DatabaseFixture::DatabaseFixture(Kind kind) {
  if (kind == Kind::kSqlite) {
    database = *OpenSqlite({(directory / "praefect.db").string()}, log);
    return;
  }
  const std::string name = SharedServer().CreateDatabase();
  options.endpoint =
      kind == Kind::kPostgres ? SharedServer().Endpoint(name) : SharedPgBouncer().Endpoint(name);
  Reopen(options);
}

DatabaseFixture::DatabaseFixture(test::PostgresServer& server) {
  options.endpoint = server.Endpoint(server.CreateDatabase());
  Reopen(options);
}

void DatabaseFixture::Reopen(PostgresOptions with) {
  options = std::move(with);
  database = OpenPostgres(options, log);
}

Outcome DatabaseFixture::Run(Sql sql, std::vector<Parameter> parameters) {
  return database->Wait({{{sql, std::move(parameters)}}, Soon()});
}

std::string DatabaseFixture::Value(Sql sql, std::vector<Parameter> parameters) {
  const Outcome outcome = Run(sql, std::move(parameters));
  INFO((outcome.error ? outcome.error->message : ""));
  REQUIRE(outcome.ok());
  return outcome.results.at(0).Text(0, 0);
}

}  // namespace praefect::db
