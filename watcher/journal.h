// What Relevo writes into the primary itself, on a thread of its own: the heartbeat row once a second (the write probe,
// and what the replicas' lag is measured by), and the rows of system_events.
#pragma once
#include "common/settings.h"
#include "common/node.h"

struct journal;

struct journal *journal_start(const struct settings *settings);
void journal_stop(struct journal *journal);  // NULL is fine

// Where to write from now on. name "" : nowhere (no primary, or another watcher leads); what is known of the newest
// primary stays, for it is mostly the same that comes back.
void journal_point(struct journal *journal, const char *name, const char *address, uint16_t port, const char *uuid,
                   uint64_t epoch);

struct journal_row {
    enum event_type type;
    char primary[NODE_NAME_SIZE], replica[NODE_NAME_SIZE];
    int64_t failover_ms, backup_ms;  // wall, 0: NULL
};

// Kept until it could be written, in order; the last fifty.
void journal_add(struct journal *journal, const struct journal_row *row);

// Scheduled events that this server took over from its source, where they came disabled: how many are so at the newest
// primary that was written to, 0 before it was asked. Replication does not tell which of them ran, so that a person
// must.
unsigned journal_idle_events(struct journal *journal);

// For how long heartbeats have failed, 0 if the last one went well, and why ("" if fine). JOURNAL_UNTRIED: none has ended
// since that was pointed at.
enum { JOURNAL_UNTRIED = -1 };
int64_t journal_failing_ms(struct journal *journal, char *ret_error, size_t error_bytes);
