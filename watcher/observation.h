// One look at one node, immutable once posted. Pure.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/gtid.h"
#include "common/node.h"
#include "common/settings.h"

#define SEMISYNC_TIMEOUT_MS INT64_C(4294967295)  // the longest that MySQL takes, seven weeks: for ever

// Lossless mode: the semi-sync plugins of one server, as they are set and as they work.
struct semisync {
    bool installed;      // both of them
    bool source_on;      // commits wait for acknowledgements
    bool source_strict;  // ... of as many replicas as it shall, after the binlog's sync, for ever, even without replicas
    uint64_t unacked;    // commits that did not wait though they should have, since the server started
    uint64_t acked;      // commits that were acknowledged, since the server started
    uint64_t waiting;    // commits that wait at this moment
    bool replica_on;     // it acknowledges once its receiver has been started anew
    bool replica_acks;   // its receiver does
};

// Of relevo.epoch. A row that was on its way may have come right after the rows were read: the next look tells.
enum row_state { ROW_SETTLED, ROW_SETTLES, ROW_PENDING };

struct observation {
    atomic_uint holders;
    uint64_t serial;   // of this node, rising
    uint64_t kicks;    // of observe_kick() until the probe was sent
    int64_t began_ms;  // monotonic, when that was
    int64_t at_ms;     // monotonic, when it ended
    int64_t at_wall_ms;
    enum probe_outcome outcome;
    char error[160];
    int64_t closing_ms;  // monotonic, when it said that it shuts down, if nothing alive was heard since; 0 otherwise

    // The rest counts only with PROBE_OK.
    char uuid[NODE_UUID_SIZE];
    char version[32];
    uint32_t server_id;
    bool read_only, super_read_only, offline_mode, gtid_on;
    struct gtid_set *executed;  // owned
    struct gtid_set *received;  // owned; what the receiver has in the relay log, not cumulative over restarts
    char *executed_text;        // owned
    char *received_text;        // owned

    enum thread_state receiver, applier;
    char source_address[NODE_HOST_SIZE];  // as its configuration says, with the next
    uint16_t source_port;
    char source_host[NODE_NAME_SIZE];  // the node whose address that is; host:port if it is nobody's
    bool source_moved;                 // nobody's, though addresses are configured
    char source_uuid[NODE_UUID_SIZE];  // "" until it has connected once
    uint64_t source_heartbeats;        // count received: grows while the source is idle but alive
    bool receiving;  // a transaction is being transferred: until it ends neither of the counts above moves
    int receiver_errno, applier_errno;
    char replication_error[200];

    int64_t boot_s;  // when the server started, by its own clock; 0 but in lossless mode
    struct semisync semisync;

    bool half_rebuilt;  // a resync put its mark there and did not end; or nobody can tell

    bool relevo_known;       // relevo.epoch could be read
    bool rows_absent;        // there is no such table
    bool beat_absent;        // there is no relevo.heartbeat: the rows were read without it
    enum row_state row_state;  // a row that is being written there may turn up yet
    bool rows_new;           // ... in this look, after all of the above; else what follows is from an earlier one
    int64_t relevo_wall_ms;  // when; the relevo tables are read less often than the rest
    uint64_t epoch;          // newest row of relevo.epoch, 0 if none
    uint64_t reigns;         // a sum over all its rows: the same on whoever has the same, 0 if none
    bool epoch_sync;         // ... which says that acknowledgements are waited for
    int epoch_rule;          // by which rule that reign began
    char epoch_uuid[NODE_UUID_SIZE];
    char epoch_primary[NODE_NAME_SIZE];
    int64_t heartbeat_ms;  // relevo.heartbeat's wall time, 0 if none
};

bool observation_alive(const struct observation *observation);  // the server answered, though perhaps with a refusal

struct observation *observation_new(void);
struct observation *observation_hold(struct observation *observation);
void observation_release(struct observation *observation);  // NULL is fine

// Finds out whose address its source is, and fills the two members above.
void observation_name_source(struct observation *observation, const struct settings *settings);

void observation_drop(struct observation **observation);
#define AUTO_OBSERVATION __attribute__((cleanup(observation_drop)))
