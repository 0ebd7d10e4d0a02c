#include "resync/held.h"

#include "common/mem.h"

enum {
    ERROR_NO_SCHEMA = 1049,
    ERROR_NO_TABLE = 1146,
    ERROR_NOT_BASE_TABLE = 1347,
};

enum held held_begin(struct peer *peer, const char *table) {
    AUTO_TEXT char *sql = mem_format("HANDLER %s OPEN AS relevo_held", table);
    struct err err = {0};
    if (db_exec(peer->session, PEER_TIMEOUT_MS, sql, &err)) {
        return HELD;
    }
    if (err.number == ERROR_NO_SCHEMA || err.number == ERROR_NO_TABLE || err.number == ERROR_NOT_BASE_TABLE) {
        return HELD_NOT;
    }
    (void)peer_failed(peer, &err);
    return HELD_FAILED;
}

bool held_end(struct peer *peer) {
    return peer_exec(peer, "HANDLER relevo_held CLOSE");
}
