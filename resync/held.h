// A table's name held as a base table, so that a SELECT by that name reads the table that was listed and nothing else.
// Between the listing and the SELECT the owner of the schema may put a view under the name, and a view can call what the
// owner wrote. HANDLER opens base tables only, resolves nothing, and keeps the name's metadata lock until it is closed.
// https://dev.mysql.com/doc/refman/9.7/en/handler.html
#pragma once
#include "resync/peer.h"

enum held {
    HELD,
    HELD_NOT,     // no base table has that name now
    HELD_FAILED,  // the job's failure
};

// table: `schema`.`name`. One at a time for each session.
enum held held_begin(struct peer *peer, const char *table);
bool held_end(struct peer *peer);
