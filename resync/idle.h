// Statements in a binlog that change no data: a closed list. What is not on it, or cannot be read to its end, changes
// data. Pure.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum idle {
    IDLE_NOT,
    IDLE_ALWAYS,  // FLUSH, ANALYZE: no row of any table is written
    // OPTIMIZE, REPAIR write tables anew. The rows are the same again where all tables are InnoDB's (REPAIR of another
    // engine drops what it cannot read) and no column is generated and stored (computed anew, maybe in another zone).
    IDLE_REBUILDS,
};
enum { IDLE_NAME_BYTES = 40 };

// ret_name: verb and object, in capitals: "FLUSH STATUS", "REPAIR TABLE". Names and values of the statement, which may
// be secret, are not in it. Written only when the answer is not IDLE_NOT.
enum idle idle_statement(const char *text, size_t length_bytes, char ret_name[IDLE_NAME_BYTES]);

// How many of which there were, in the order in which each first came. Zero it to begin.
struct idle_seen {
    struct idle_kind {
        char name[IDLE_NAME_BYTES];
        uint64_t count;
    } *kinds;
    size_t kind_count;
    const char *rebuilds;  // the name of a statement of IDLE_REBUILDS; NULL: there was none
};
enum idle idle_note(struct idle_seen *seen, const char *text, size_t length_bytes);
char *idle_text(const struct idle_seen *seen);  // "FLUSH STATUS (2), ANALYZE TABLE"; caller frees
void idle_done(struct idle_seen *seen);
