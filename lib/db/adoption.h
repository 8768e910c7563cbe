#pragma once

// What has to be so before a database of the Go Praefect 18.9 is taken over, or given back to it.
// Asked inside of the transaction that does it, under the lock of all who migrate.

#include <optional>

#include "db/database.h"

namespace praefect::db {

// No Go Praefect is alive, the books can hold what is there, and nobody else uses the tables until
// the transaction ends. An error says what to do about it.
std::optional<Error> ReadyToAdopt(OpenTransaction& open, Deadline deadline);
// The same for our own Praefects and tables.
std::optional<Error> ReadyToGiveBack(OpenTransaction& open, Deadline deadline);

// Waits for locks until the deadline (SQLSTATE 55P03), and for ever.
Statement LimitLockWait(Deadline deadline);
Statement ForgetTimeouts();

}  // namespace praefect::db
