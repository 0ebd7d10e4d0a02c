// Every kind of object that MySQL 8.4 to 9.7 has: how a dump carries it over, or why it does not and who is told; and
// how a comparison asks whether two servers define it alike. One table, objects.c; the README shows it.
#pragma once
#include "resync/peer.h"

enum object_way {
    OBJECT_SHOWN,  // its SHOW CREATE statement, run again under the settings that it was made under: dump_objects.c
    OBJECT_OWN,    // by code of its own: dump_tables.c, dump_places.c, dump_users.c
    OBJECT_TOLD,   // not carried over; what the node lacks is named in the job's record and in an alarm
    OBJECT_LOCAL,  // belongs to the server, not to the data: neither carried over nor told
};

struct object_kind {
    const char *name;  // as SHOW CREATE has it, where there is such a statement
    enum object_way way;
    // SHOWN: schema, name, client charset, connection collation, database collation, sql_mode, time zone, when it was
    // made (seconds; NULL: does not matter). TOLD: the names.
    const char *list;
    // What is compared: name, definition; NULL: nothing, or elsewhere.
    const char *compare;
    bool by_looker;        // the SQL reads what PEER_LOOK sees, not PEER_READ
    const char *if_table;  // of information_schema: without it the server has no such kind; NULL: each has
};

enum { OBJECT_KINDS_MAX = 40 };
extern const struct object_kind object_kinds[];  // in the order in which they are made; name NULL ends

// Whether the server knows the kind at all.
bool object_kind_exists(struct peer *peer, const struct object_kind *kind, bool *ret);
