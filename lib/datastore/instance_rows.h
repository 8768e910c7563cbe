#pragma once

// What other changes want to know of the rows of instances.

#include "db/statement.h"

namespace praefect::datastore {

// Whether all live instances have settled again on the database's timeline. Of PostgreSQL, where
// this role may read it.
db::Statement AllSettledStatement();

}  // namespace praefect::datastore
