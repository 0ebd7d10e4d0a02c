// What we ask of Redis: the state hash, channels, streams, the watcher's lease. store_real.c is the adapter (hiredis).
// A handle belongs to one thread. Every call has a deadline and reconnects by itself (at once on first use after a
// loss, then with backoff: while backing off, calls fail immediately with ERR_LOST). After a reconnect
// store_generation() differs, so a caller knows to re-read the hash.
#pragma once
#include "err.h"
#include "event.h"
#include "keys.h"
#include "settings.h"
#include "state.h"

struct store;

// Does not connect yet; never fails. The names are those of keys.h.
struct store *store_open(const struct settings *settings, enum service service);
void store_close(struct store *store);  // NULL is fine
unsigned store_generation(const struct store *store);

// Reads the state hash and the jobs hash, as of one moment, into *ret. Empty ones are success with epoch 0.
// Fields that cannot be decoded are skipped; *ret_skipped (may be NULL) counts them. *ret is overwritten, only on
// success: state_done() an older value first.
bool store_read(struct store *store, struct cluster_state *ret, unsigned *ret_skipped, struct err *err);

// HSET of all fields in the state hash, and PUBLISH …:state, in one MULTI. Only the watcher may.
bool store_write(struct store *store, const struct state_field *fields, size_t count, struct err *err);

// HDEL of these fields, whichever of the two hashes has them.
bool store_forget(struct store *store, const char *const *names, size_t count, struct err *err);
// The same, and what each field held right before: ret[i].value is heap, NULL where it was absent. *ret (heap) is for
// state_fields_free(); written only on success.
bool store_replace(struct store *store, const struct state_field *fields, size_t count, struct state_field **ret,
                   struct err *err);

// The same as store_write() in the jobs hash: what state_encode_job() made. Watcher and resync may.
bool store_write_jobs(struct store *store, const struct state_field *fields, size_t count, struct err *err);

// Jobs that an older Relevo kept in the state hash go to the jobs hash, if that has none of the same name, and are
// removed where they were. *ret_moved: how many fields were removed; 0 on most calls.
bool store_move_jobs(struct store *store, unsigned *ret_moved, struct err *err);

// Takes the next seq, stamps it into event->seq, XADDs to …:history (capped to about 10,000) and publishes on …:events.
bool store_event(struct store *store, struct event_record *event, struct err *err);
bool store_publish(struct store *store, enum store_channel channel, const char *message, struct err *err);

// XADD to …:log:<service>, capped to about 1,000.
bool store_log(struct store *store, const char *line, struct err *err);

// Who has the lease, and what can be told of who had it before.
struct lease_word {
    char holder[80];    // the one who asked, or another
    bool rival;         // somebody else has it, or asked for it lately
    bool handed_over;   // it was free because its holder had given it back
    uint64_t renewals;  // by anybody, before this call (…:lease:renewals); 0: Redis knows of none
};

// The lease …:lease = id for ttl_ms, taken if free or ours. Who does not get it leaves its name in …:rival for a while.
// When it runs out Redis says, by a clock that may be set: whoever takes it from another must not rely on that. No
// scripts: WATCH/MULTI.
bool store_lease(struct store *store, const char *id, int64_t ttl_ms, struct lease_word *ret, struct err *err);
bool store_lease_release(struct store *store, const char *id, struct err *err);

// Waits for a message on any of the channels (subscribes on first use; uses the handle for nothing else from then on).
// true and *ret_bytes (heap) for a message; true and NULL when timeout_ms passed quietly, and at once after it has
// (re)subscribed (store_generation() differs: re-read the hash); false when the connection is lost (call again: it
// reconnects and re-subscribes with backoff, returning within timeout_ms).
// A dead connection is noticed by PING within 5 s.
bool store_listen(struct store *store, const enum store_channel *channels, size_t channel_count, int64_t timeout_ms,
                  enum store_channel *ret_channel, char **ret_bytes, size_t *ret_length, struct err *err);
