// What this watcher has put into the state hash, so that what stands there and is not its own can be told. A write whose
// answer was lost may land late: that is its own, too. What the actor writes by itself (intent, sync) is not looked at
// here. Pure.
#pragma once
#include "common/state.h"

enum { WRITTEN_UNSURE_MAX = 4 };

struct written_fields {
    struct state_field *fields;  // NULL: none
    size_t count;
};

struct written {
    struct written_fields last;  // taken by Redis for sure
    struct written_fields unsure[WRITTEN_UNSURE_MAX];
    size_t next_unsure;
};

// Both take the fields.
void written_taken(struct written *written, struct state_field *fields, size_t count);
void written_unsure(struct written *written, struct state_field *fields, size_t count);
// What stands there now may be an older state, or another watcher's: nothing is told before the next write.
void written_forget(struct written *written);

// had: what each field held right before our write, as store_replace() says. How many of them somebody else wrote; the
// first of them into out as "primary: b → a; epoch: 9 → 7", what was found and what was known.
unsigned written_by_others(const struct written *written, const struct state_field *had, size_t count, char *out,
                           size_t size_bytes);

// Another watcher signed what had holds: its name; NULL: none did.
const char *written_rival(const struct written *written, const struct state_field *had, size_t count);
