// The heartbeat row, which the watcher writes into the primary once a second, on a thread of its own: the write probe, and
// what the replicas' lag is measured by.
#pragma once
#include "common/settings.h"
#include "common/node.h"

struct journal;

struct journal *journal_start(const struct settings *settings);
void journal_stop(struct journal *journal);  // NULL is fine

// Where to write from now on: the name for people, and a numeric address or host name. name "" : nowhere (no primary, or another watcher leads); what is known of the newest
// primary stays, for it is mostly the same that comes back.
void journal_point(struct journal *journal, const char *name, const char *address, uint16_t port, const char *uuid,
                   uint64_t epoch);

// Scheduled events that this server took over from its source, where they came disabled, and that nobody made ready:
// how many are so at the primary with that uuid, 0 before it was asked in the reign of that epoch. What was counted in an
// earlier one may have been enabled since.
unsigned journal_idle_events(struct journal *journal, const char *uuid, uint64_t epoch);

// For how long heartbeats have failed, 0 if the last one went well, and why ("" if fine). JOURNAL_UNTRIED: none has ended
// since that was pointed at.
enum { JOURNAL_UNTRIED = -1 };
int64_t journal_failing_ms(struct journal *journal, char *ret_error, size_t error_bytes);
