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

PostgresFixture::PostgresFixture(test::PostgresServer& server)
    : server(server), name(server.CreateDatabase()) {
  options.endpoint = server.Endpoint(name);
  Open(options);
}

void PostgresFixture::Open(PostgresOptions with) {
  options = std::move(with);
  database = OpenPostgres(options, log);
}

Outcome PostgresFixture::Run(const char* sql, std::vector<Parameter> parameters) {
  return database->Wait({{{sql, std::move(parameters)}}, Soon()});
}

std::string PostgresFixture::Value(const char* sql, std::vector<Parameter> parameters) {
  const Outcome outcome = Run(sql, std::move(parameters));
  INFO((outcome.error ? outcome.error->message : ""));
  REQUIRE(outcome.ok());
  return outcome.results.at(0).Text(0, 0);
}

}  // namespace praefect::db
