// The rows of system_events, written into the primary on a thread of its own: what the owner of that table put there
// (common/event_row.h) may hang, and neither the heartbeat nor a decision waits for this.
#pragma once
#include "common/event_row.h"

struct event_writer;

struct event_writer *event_writer_start(const struct settings *settings);
void event_writer_stop(struct event_writer *writer);  // tries once more to write what is left; NULL is fine

// The primary that the rows go to from now on. NULL: none.
void event_writer_point(struct event_writer *writer, const struct event_row_target *target);

// Kept in order until the row is written or given up; the last fifty.
void event_writer_add(struct event_writer *writer, const struct event_row *row);

// Rows that were given up since the last one that was written, and why. A row is given up after a few refusals by a
// server that lives; after the first such row each further one is tried once.
unsigned event_writer_lost(struct event_writer *writer, char *ret_error, size_t error_bytes);
