// The vocabulary that the three services share. Each list is one X-macro, from which the enum, its name and its parser
// come: a word exists once. Pure.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define NODE_MAX 9          // as many members as InnoDB Cluster allows
#define NODE_NAME_SIZE 64   // a host name label
#define NODE_HOST_SIZE 256  // a host name with dots, or a numeric address
#define NODE_UUID_SIZE 37
#define NODE_WHY_SIZE 640  // a sentence, and the statement that mends what it tells

// The schema whose existence on a node says that a resync began to change its data and did not finish. resync puts it
// there and takes it away; the watcher promotes nobody who has it.
#define REBUILD_SCHEMA "relevo_rebuild"

// Made by compose/mysql/initdb on every node: BACKUP_ADMIN and nothing else, with the replication password.
#define CLONE_USER "relevo_clone"

// Over rows of relevo.epoch: the same number on whoever has the same reigns. A server that was rewound gives the
// numbers of what was undone to new transactions, and a replica that kept the old ones is never sent those: MySQL sees
// nothing. The first of them is the row of the reign in which they were made, so that such a replica lacks a row.
#define REIGNS_SQL \
    "COUNT(*) * 4294967296 + COALESCE(BIT_XOR(CRC32(CONCAT_WS(' ', epoch, primary_uuid, created_at))), 0)"

// How one probe of a node ended. Each is evidence of a different strength: see watcher/assess.h.
#define PROBE_OUTCOMES(X)                                                             \
    X(PROBE_NONE, "none") /* not probed yet */                                        \
    X(PROBE_OK, "ok")                                                                 \
    X(PROBE_REFUSED, "refused")         /* nobody listens: hard evidence */           \
    X(PROBE_GONE, "gone")               /* the name vanished: hard evidence */        \
    X(PROBE_UNREACHABLE, "unreachable") /* no route: our path or the node */          \
    X(PROBE_TIMEOUT, "timeout")         /* no answer by the deadline */               \
    X(PROBE_LOST, "lost")               /* the connection broke during the probe */   \
    X(PROBE_OVERLOADED, "overloaded")   /* too many connections: alive */             \
    X(PROBE_DENIED, "denied")           /* password or privilege: alive, our fault */ \
    X(PROBE_UNFIT, "unfit")             /* not MySQL, or older than 8.4 */            \
    X(PROBE_CLOSING, "closing")         /* it said that it is shutting down */        \
    X(PROBE_STARTING, "starting")       /* alive, not yet serving */                  \
    X(PROBE_ERROR, "error")             /* alive, the query failed */

// The state of the cluster; watcher/README.md draws it.
#define PHASES(X)                                                             \
    X(PHASE_STARTING, "STARTING") /* the watcher does not know yet */         \
    X(PHASE_NORMAL, "NORMAL")                                                 \
    X(PHASE_SUSPECT, "SUSPECT") /* the primary missed; no proof yet */        \
    X(PHASE_FAILOVER, "FAILOVER")                                             \
    X(PHASE_SWITCHOVER, "SWITCHOVER")                                         \
    X(PHASE_DEGRADED, "DEGRADED")     /* writable, a replica is missing */    \
    X(PHASE_RESYNC, "RESYNC")         /* writable, a node is being rebuilt */ \
    X(PHASE_FROZEN, "FROZEN")         /* automation stopped; why says why */  \
    X(PHASE_NO_PRIMARY, "NO_PRIMARY") /* nobody may be opened safely */

#define NODE_ROLES(X)                                         \
    X(ROLE_UNKNOWN, "unknown")                                \
    X(ROLE_PRIMARY, "primary")                                \
    X(ROLE_REPLICA, "replica")                                \
    X(ROLE_FENCED, "fenced") /* read-only, not replicating */ \
    X(ROLE_RESYNC, "resync") /* a job works on it */          \
    X(ROLE_DOWN, "down")

// Replication threads as performance_schema names them. ABSENT: no channel is configured.
#define THREAD_STATES(X)               \
    X(THREAD_ABSENT, "absent")         \
    X(THREAD_OFF, "off")               \
    X(THREAD_CONNECTING, "connecting") \
    X(THREAD_ON, "on")

#define JOB_RUNGS(X)           \
    X(RUNG_AUTO, "auto")       \
    X(RUNG_CATCHUP, "catchup") \
    X(RUNG_REWIND, "rewind")   \
    X(RUNG_CLONE, "clone")     \
    X(RUNG_DUMP, "dump")       \
    X(RUNG_VERIFY, "verify") /* no way back: compares, changes nothing */

#define JOB_PHASES(X)         \
    X(JOB_NONE, "none")       \
    X(JOB_QUEUED, "queued")   \
    X(JOB_RUNNING, "running") \
    X(JOB_DONE, "done")       \
    X(JOB_FAILED, "failed")   \
    X(JOB_CANCELLED, "cancelled")

#define REPLICATION_MODES(X) \
    X(MODE_ASYNC, "async")   \
    X(MODE_LOSSLESS, "lossless")

#define SERVICES(X)               \
    X(SERVICE_WATCHER, "watcher") \
    X(SERVICE_RESYNC, "resync")   \
    X(SERVICE_DASHBOARD, "dashboard")

#define SEVERITIES(X)              \
    X(SEVERITY_INFO, "info")       \
    X(SEVERITY_WARNING, "warning") \
    X(SEVERITY_ERROR, "error")

#define EVENT_TYPES(X)                                                                             \
    X(EVENT_STARTED, "STARTED") /* a service came up */                                            \
    X(EVENT_PHASE, "PHASE")     /* the cluster's phase changed */                                  \
    X(EVENT_NODE_UP, "NODE_UP")                                                                    \
    X(EVENT_NODE_DOWN, "NODE_DOWN")                                                                \
    X(EVENT_FENCED, "FENCED")                                                                      \
    X(EVENT_FAILOVER, "FAILOVER")     /* also a row of system_events */                            \
    X(EVENT_SWITCHOVER, "SWITCHOVER") /* also a row of system_events */                            \
    X(EVENT_RECOVERY, "RECOVERY")     /* also a row: a lost node streams again */                  \
    X(EVENT_RESYNC, "RESYNC")         /* also a row: a resync job ended well */                    \
    X(EVENT_ELECTED, "ELECTED")       /* a first primary was opened */                             \
    X(EVENT_REPOINTED, "REPOINTED")                                                                \
    X(EVENT_ABORTED, "ABORTED") /* an action ended without effect; why says why */                 \
    X(EVENT_RESYNC_STARTED, "RESYNC_STARTED")                                                      \
    X(EVENT_RESYNC_PROGRESS, "RESYNC_PROGRESS")                                                    \
    X(EVENT_RESYNC_FAILED, "RESYNC_FAILED")                                                        \
    X(EVENT_RESCUED, "RESCUED")             /* diverged transactions were saved */                 \
    X(EVENT_VERIFIED, "VERIFIED")           /* a node was compared with the primary */             \
    X(EVENT_VERIFY_FAILED, "VERIFY_FAILED") /* ... was not: it failed, or was stopped */           \
    X(EVENT_SYNC_ON, "SYNC_ON")             /* lossless: the primary waits for acknowledgements */ \
    X(EVENT_SYNC_OFF, "SYNC_OFF")           /* lossless: it goes on alone, or could */             \
    X(EVENT_FORCED, "FORCED")               /* a person accepted the loss that was explained */    \
    X(EVENT_MAINTENANCE, "MAINTENANCE")                                                            \
    X(EVENT_ACK, "ACK")                                                                            \
    X(EVENT_COMMAND_ACCEPTED, "COMMAND_ACCEPTED")                                                  \
    X(EVENT_COMMAND_REFUSED, "COMMAND_REFUSED")                                                    \
    X(EVENT_COMMAND_FINISHED, "COMMAND_FINISHED")                                                  \
    X(EVENT_ALARM, "ALARM") /* needs a person: misconfigured, unsafe, full */

#define X(id, name) id,
enum probe_outcome { PROBE_OUTCOMES(X) PROBE_OUTCOME_COUNT };
enum phase { PHASES(X) PHASE_COUNT };
enum node_role { NODE_ROLES(X) NODE_ROLE_COUNT };
enum thread_state { THREAD_STATES(X) THREAD_STATE_COUNT };
enum job_rung { JOB_RUNGS(X) JOB_RUNG_COUNT };
enum job_phase { JOB_PHASES(X) JOB_PHASE_COUNT };
enum replication_mode { REPLICATION_MODES(X) REPLICATION_MODE_COUNT };
enum service { SERVICES(X) SERVICE_COUNT };
enum severity { SEVERITIES(X) SEVERITY_COUNT };
enum event_type { EVENT_TYPES(X) EVENT_TYPE_COUNT };
#undef X

bool probe_answered(enum probe_outcome outcome);  // the server did, though perhaps with a refusal

// X_name() never returns NULL. X_parse() is exact, writes *ret only on success.
#define NODE_WORDS(type)                      \
    const char *type##_name(enum type value); \
    bool type##_parse(const char *text, enum type *ret);
NODE_WORDS(probe_outcome)
NODE_WORDS(phase)
NODE_WORDS(node_role)
NODE_WORDS(thread_state)
NODE_WORDS(job_rung)
NODE_WORDS(job_phase)
NODE_WORDS(replication_mode)
NODE_WORDS(service)
NODE_WORDS(severity)
NODE_WORDS(event_type)
#undef NODE_WORDS

// One configured member. Identity is the server's uuid; the name is what people, the configuration and URLs use.
struct node_address {
    char name[NODE_NAME_SIZE];
    uint16_t port;
    char host[NODE_HOST_SIZE];         // where Relevo reaches it; "": by its name
    char source_host[NODE_HOST_SIZE];  // where replicas and copies reach it; "": there as well, and at that port
    uint16_t source_port;
};

const char *node_host(const struct node_address *node);
const char *node_source_host(const struct node_address *node);
uint16_t node_source_port(const struct node_address *node);
// The replicas' way to it was given, and is not just its name.
bool node_has_address(const struct node_address *node);
