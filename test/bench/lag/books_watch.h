#pragma once

// Looks into the books of a running site beside Praefect, over a connection that stays: what a look
// costs must not be part of what is measured.

#include <libpq-fe.h>
#include <sqlite3.h>

#include <stdexcept>
#include <string>

#include "site.h"

namespace praefect::bench {

class BooksWatch {
 public:
  explicit BooksWatch(const crash::Site& site) {
    if (!site.connection_string().empty()) {
      postgres_ = PQconnectdb(site.connection_string().c_str());
      if (PQstatus(postgres_) == CONNECTION_OK) return;
      throw std::runtime_error(PQerrorMessage(postgres_));
    }
    const std::string file = site.embedded_store();
    if (sqlite3_open_v2(file.c_str(), &sqlite_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
      throw std::runtime_error(file + " cannot be read");
    }
    sqlite3_busy_timeout(sqlite_, 5'000);
  }
  ~BooksWatch() {
    PQfinish(postgres_);
    sqlite3_close(sqlite_);
  }
  BooksWatch(const BooksWatch&) = delete;
  BooksWatch& operator=(const BooksWatch&) = delete;

  // No replica is behind, and no job is left.
  bool AllCurrent() { return Count(kUndone) == 0; }

 private:
  static constexpr char kUndone[] =
      "SELECT (SELECT count(*) FROM replication_jobs) + (SELECT count(*) FROM repositories r "
      "JOIN storage_repositories s ON s.repository_id = r.repository_id "
      "WHERE s.generation <> r.generation)";

  int64_t Count(const char* sql) {
    return postgres_ != nullptr ? CountInPostgres(sql) : CountInSqlite(sql);
  }
  int64_t CountInPostgres(const char* sql) {
    PGresult* result = PQexec(postgres_, sql);
    const bool good = PQresultStatus(result) == PGRES_TUPLES_OK;
    const std::string text = good ? PQgetvalue(result, 0, 0) : PQerrorMessage(postgres_);
    PQclear(result);
    if (!good) throw std::runtime_error(text);
    return std::stoll(text);
  }
  int64_t CountInSqlite(const char* sql) {
    int64_t count = -1;
    const auto take = [](void* into, int, char** values, char**) {
      *static_cast<int64_t*>(into) = std::stoll(values[0]);
      return 0;
    };
    if (sqlite3_exec(sqlite_, sql, take, &count, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(sqlite_));
    }
    return count;
  }

  PGconn* postgres_ = nullptr;
  sqlite3* sqlite_ = nullptr;
};

}  // namespace praefect::bench
