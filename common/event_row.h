// A row of system_events, the table in the application's schema. Whoever owns that schema can put a trigger on the table
// or a view in its place. So the row goes in as an account that may insert there and nothing else, in a session that
// serves this row alone: what foreign code does to the session ends with it, and code that hangs is ended.
#pragma once
#include "common/settings.h"

struct event_row {
    enum event_type type;
    char primary[NODE_NAME_SIZE], replica[NODE_NAME_SIZE];
    int64_t failover_ms, backup_ms;  // wall clock, 0: NULL
};

// The primary of now.
struct event_row_target {
    char name[NODE_NAME_SIZE], address[NODE_HOST_SIZE], uuid[NODE_UUID_SIZE];
    uint16_t port;
};

enum event_row_result {
    EVENT_ROW_WRITTEN,
    EVENT_ROW_NO_TABLE,  // the schema has no such table: nothing is to be written
    EVENT_ROW_LATER,     // the server is away, closed, or another one
    EVENT_ROW_REFUSED,   // the server lives, and the account, the table or what somebody put there is in the way
};

// Blocks for a few seconds at most. *err says why the row was not written. After EVENT_ROW_REFUSED and EVENT_ROW_LATER
// the row surely is not there.
enum event_row_result event_row_write(const struct settings *settings, const struct event_row_target *target,
                                      const struct event_row *row, struct err *err);
