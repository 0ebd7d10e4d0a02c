// The parts of the dump rung, in the order in which they run. `here` is the recipient's session, prepared by
// copy_prepare_recipient(); `there` the donor's, which holds the backup lock: no DDL, no change of accounts until the
// end.
#pragma once
#include "resync/copy.h"
#include "resync/facts.h"

#define SYSTEM_SCHEMAS "'mysql', 'sys', 'performance_schema', 'information_schema'"
#define NOT_COPIED "(" SYSTEM_SCHEMAS ", '" REBUILD_SCHEMA "')"

// Drops every user schema but the mark's.
bool dump_drop_schemas(struct peer *here);
// Makes the donor's schemas and tables, empty, and lists the tables with the statements that copy their rows.
bool dump_create_tables(struct peer *here, struct peer *there, struct copy *copy);
// Once all rows are in: the tables that hold what the server computes, and those that it warned of.
bool dump_check(struct copy *copy, struct peer *here, struct peer *there);
// Accounts, roles and grants: all in one transaction.
bool dump_users(struct peer *here, struct peer *there);
// Routines, views, triggers, events: what has code in it, made as its creator's session would make it.
bool dump_objects(struct peer *here, struct peer *there);
