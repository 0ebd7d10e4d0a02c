// The parts of the dump rung, in the order in which they run. `here` is the recipient's session, prepared by
// copy_prepare_recipient(); `there` the donor's that reads users' definitions, `looker` the one that reads system
// tables and holds the backup lock: no DDL, no change of accounts until the end.
#pragma once
#include "resync/copy.h"
#include "resync/facts.h"
#include "resync/objects.h"

#define SYSTEM_SCHEMAS "'mysql', 'sys', 'performance_schema', 'information_schema'"
#define NOT_COPIED "(" SYSTEM_SCHEMAS ", '" REBUILD_SCHEMA "')"

#define TABLESPACES_SQL                                                                                      \
    "SELECT t.name, f.file_name, t.zip_page_size, t.autoextend_size, t.encryption FROM"                      \
    " information_schema.innodb_tablespaces t JOIN information_schema.files f ON f.tablespace_name = t.name" \
    " WHERE t.space_type = 'General' AND t.name <> 'mysql'"

// ---- what is read on the donor, before the node gives anything up ----

struct dump_schema {
    char *name, *create;  // owned; the statement
    bool read_only;       // it is made so last
    bool is_here;         // the recipient has one of that name, which dump_clear() emptied
};
struct dump_place {
    char *plain, *name, *create;  // owned: a tablespace
    bool tried;                   // it was made to see whether it can be
};
struct dump_table {
    char *schema, *name, *create;  // owned; the statement without the keys that wait
};
struct dump_plan {
    struct dump_schema *schemas;
    size_t schema_count;
    struct dump_place *places;
    size_t place_count;
    struct dump_table *tables;
    size_t table_count;
};
void dump_plan_done(struct dump_plan *plan);

// Code: a library, routine, view, trigger or event.
struct dump_object {
    const char *kind;  // as SHOW CREATE has it
    char *schema, *name;
    char *client_charset, *connection_collation, *database_collation, *sql_mode, *time_zone;  // "" : does not matter
    char *made_s;                                                                             // "" : does not matter
    char *create;                                                                             // NULL: it is not shown
    bool made;
};
struct dump_objects {
    struct dump_object *list;
    size_t count;
};
void dump_objects_done(struct dump_objects *objects);

// Names of what a logical copy does not carry over, for each such kind.
struct dump_others {
    struct db_rows *names[OBJECT_KINDS_MAX];  // owned, by the place of the kind in object_kinds
};
void dump_others_done(struct dump_others *others);

// Schemas, tablespaces and tables with their statements, and the parts in which the rows travel. A table that the donor
// does not show, or that the recipient lacks something for, refuses the rung.
bool dump_read_tables(struct peer *here, struct peer *there, struct copy *copy, struct dump_plan *ret);
bool dump_read_places(struct peer *there, struct peer *looker, struct dump_plan *ret);
bool dump_read_objects(struct peer *there, struct dump_objects *ret);
bool dump_read_others(struct peer *looker, struct peer *reader, struct dump_others *ret);
bool dump_compare_zones(struct peer *here, struct peer *looker, bool *ret_differ);  // named time zones

// Makes the spatial reference systems that the recipient lacks; one that a table needs and that cannot be made refuses
// the rung. Takes nothing away.
bool dump_add_spatial(struct peer *here, struct peer *there);

// Makes what the recipient lacks, without rows, and takes it away again. Refuses the rung if that does not work.
bool dump_try(struct peer *here, struct dump_plan *plan);

// ---- the old data are given up ----

// Empties the schemas that the donor has too, drops the others but the mark's, and the tablespaces. A schema that
// cannot be dropped stays, empty, and is named.
bool dump_clear(struct peer *here, const struct dump_plan *plan);
bool dump_make_places(struct peer *here, const struct dump_plan *plan);  // schemas and tablespaces, empty
bool dump_make_tables(struct peer *here, const struct dump_plan *plan);
// Once all rows are in: the tables that hold what the server computes, and those that it warned of.
bool dump_check(struct copy *copy, struct peer *here, struct peer *there);
// Accounts, roles, grants, servers and, if asked for, named time zones: all in one transaction.
bool dump_users(struct peer *here, struct peer *looker, bool zones);
// Code, made as its creator's session would make it.
bool dump_make_objects(struct peer *here, const char *donor, struct dump_objects *objects);
// Names the histograms, which cannot be made on a read_only server.
bool dump_tell_histograms(struct job *job, struct peer *there);
// Names what of that the recipient lacks. After dump_users(): it looks as the account that came with the copy.
bool dump_tell_others(struct peer *here, const struct dump_others *others);
// READ ONLY, last of all.
bool dump_close_schemas(struct peer *here, const struct dump_plan *plan);
