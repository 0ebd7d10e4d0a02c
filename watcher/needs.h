// What Relevo needs of a server to promote, fence, repoint and copy it: privileges, logins, settings; what is found
// lacking, and the statement that mends it. Pure. inspect.c asks the servers.
#pragma once
#include "common/messages.h"
#include "common/node.h"

// The watcher's account: privilege, and on what. tests/unit/test_needs.c holds 10-accounts.sh to this table.
#define NEEDED_PRIVILEGES(X)                                                                                    \
    X("REPLICATION CLIENT", "*")      /* where the binlog is; SHOW REPLICA STATUS */                            \
    X("PROCESS", "*")                 /* who holds up a fence */                                                \
    X("RELOAD", "*")                  /* RESET REPLICA ALL */                                                   \
    X("EVENT", "*")                   /* which scheduled events do not run */                                   \
    X("SYSTEM_VARIABLES_ADMIN", "*")  /* SET GLOBAL super_read_only, event_scheduler, semi-sync */              \
    X("CONNECTION_ADMIN", "*")        /* get in when connections are used up; KILL */                           \
    X("SYSTEM_USER", "*")             /* ... KILL of sessions that have it, as root's */                        \
    X("REPLICATION_SLAVE_ADMIN", "*") /* CHANGE REPLICATION SOURCE, START, STOP and RESET REPLICA */            \
    X("SELECT", "performance_schema") /* the state of replication; sessions */                                  \
    X("SELECT", "relevo")             /* who reigns */                                                          \
    X("INSERT", "relevo")             /* a new reign, the heartbeat */                                          \
    X("UPDATE", "relevo")             /* the heartbeat; whether acknowledgements are waited for */              \
    X("CREATE", "relevo")             /* the tables, where DB.sql did not make them or somebody dropped them */ \
    X("SELECT", "relevo_rebuild")     /* the mark of a copy that was not finished */

// In the order of what is worse: the first of a node is what the page shows.
#define LACKS(X)                                                                             \
    X(LACK_LOGIN, MSG_LACK_LOGIN, true)           /* no new session of ours */               \
    X(LACK_PRIVILEGE, MSG_LACK_PRIVILEGE, true)   /* what an action on the node would ask */ \
    X(LACK_GTIDS, MSG_LACK_SETTING, true)         /* gtid_mode is not ON */                  \
    X(LACK_BINLOG, MSG_LACK_SETTING, false)       /* nobody could follow it */               \
    X(LACK_REPL, MSG_LACK_REPL, false)            /* nobody could log in to follow it */     \
    X(LACK_PFS, MSG_LACK_PFS, false)              /* performance_schema is off */            \
    X(LACK_CLONE, MSG_LACK_CLONE, false)          /* nobody could be copied from it */       \
    X(LACK_CLONE_PLUGIN, MSG_LACK_SETTING, false) /* ... or into it */                       \
    X(LACK_UNHELD, MSG_LACK_UNHELD, false)        /* somebody's read lock holds it up */

enum lack_kind {
#define X(id, msg, unable) id,
    LACKS(X)
#undef X
        LACK_COUNT
};

struct lack {
    bool lacks;
    char account[100];
    char what[200];
    char mend[300];
};

// What one look at a node found. Zero: nothing lacks.
struct lacks {
    int64_t began_ms;  // monotonic, 0: it was not looked at yet
    struct lack of[LACK_COUNT];
};

enum msg lack_msg(enum lack_kind kind);
bool lack_unable(enum lack_kind kind);       // the node cannot be promoted while that lacks
int lacks_worst(const struct lacks *lacks);  // an enum lack_kind, -1: nothing lacks

// lines: what SHOW GRANTS of that account says (privileges of active roles are among them). account: as CURRENT_USER()
// says, user@host. Adds what lacks to *lacks.
void needs_grants(const char *const *lines, size_t count, const char *account, struct lacks *lacks);
// The same of the other accounts, which need one privilege on everything.
void needs_grant(const char *const *lines, size_t count, const char *privilege, const char *account,
                 enum lack_kind kind, struct lacks *lacks);

// A login was refused with that error of MySQL. password: the setting whose value the account shall have.
void needs_login(const char *user, int error_number, const char *error, const char *password, enum lack_kind kind,
                 struct lacks *lacks);

// A setting of the server that must be wanted, and is found.
void needs_setting(const char *name, const char *found, const char *wanted, enum lack_kind kind, struct lacks *lacks);

// Session id of that account holds a read lock on the whole server.
void needs_unheld(const char *id, const char *account, struct lacks *lacks);
