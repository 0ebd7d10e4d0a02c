// A session with one node on behalf of a job: registered so that a stop interrupts it, and every failure becomes the
// job's failure, with the node's name and what to do about it.
#pragma once
#include "resync/job.h"

// As whom (common/accounts.h). Users' tables and definitions are read as PEER_READ alone. PEER_REBUILD is for the node of
// the job, never for the primary or a donor.
enum peer_account { PEER_LOOK, PEER_READ, PEER_REBUILD };

struct peer {
    struct job *job;  // NULL: closed
    enum peer_account account;
    char name[NODE_NAME_SIZE];
    const struct node_address *at;  // of the settings
    struct db_session *session;
};

enum { PEER_TIMEOUT_MS = 30000 };

// The session's own variable that says which node's job it serves: a later job of that node finds the session by it if
// we vanish and leave it behind (leftover.h).
#define PEER_MARK "relevo_job_of"

// Opens, waiting up to wait_ms for a node that refuses, starts or is not there yet. bulk: for db_load and db_binlog.
bool peer_open(struct job *job, const char *name, enum peer_account account, bool bulk, int64_t wait_ms,
               struct peer *ret);
// The same without waiting and without a job to fail: how to log in there. node: index in the settings.
struct db_login peer_login(const struct settings *settings, int node, enum peer_account account);
void peer_close(struct peer *peer);  // closed ones are fine

bool peer_exec(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool peer_exec_within(struct peer *peer, int64_t timeout_ms, const char *sql);
bool peer_query(struct peer *peer, struct db_rows **ret, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool peer_value(struct peer *peer, const char *sql, char **ret);  // heap text, NULL for SQL NULL

// Turns an error of a port call into the job's failure; returns false.
bool peer_failed(struct peer *peer, const struct err *err);
bool peer_disk_full(const struct err *err);

// A quoted literal for this session.
char *peer_quote(struct peer *peer, const char *text);

#define AUTO_PEER __attribute__((cleanup(peer_close)))
