// The state hash is written, and what somebody else had written there, or that Redis takes nothing, is told to the loop.
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "watcher/publish_parts.h"

// Which epoch waits for acknowledgements the actor alone records: what waits to be written here may be older. That none
// does may be repeated on demand, for it never says more than is so. An empty intent is written only on demand: the actor
// may be recording a new one at this moment.
static bool held_back(const struct publish *publish, const struct state_field *field, bool clear_intent, bool unsync) {
    bool lossless = publish->settings->mode == MODE_LOSSLESS;
    return (lossless && text_equal(field->name, "sync_epoch") && !(unsync && text_equal(field->value, "0"))) ||
           (text_equal(field->name, "intent") && *field->value == '\0' && !clear_intent);
}

// Only what may be written now: the fields that are held back go to the end. How many stay.
static size_t keep_allowed(const struct publish *publish, struct state_field *fields, size_t count, bool clear_intent,
                           bool unsync) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!held_back(publish, &fields[i], clear_intent, unsync)) {
            struct state_field swap = fields[kept];
            fields[kept++] = fields[i];
            fields[i] = swap;
        }
    }
    return kept;
}

// Redis answers, and takes nothing: full, or its disk is, or it lets this user write no more.
static bool is_refusal(const struct err *err) {
    return err->kind == ERR_FULL || err->kind == ERR_DENIED || err->kind == ERR_CONFLICT || err->kind == ERR_FAILED;
}

static void tell_refused(struct publish *publish, const struct err *err) {
    pthread_mutex_lock(&publish->lock);
    bool news = !publish->told.refused;
    publish->told.refused = true;
    (void)text_copy(publish->told.refusal, sizeof publish->told.refusal, err->text);
    pthread_mutex_unlock(&publish->lock);
    if (news) {
        loop_wake(publish->loop);
    }
}

static void tell_taken(struct publish *publish, unsigned foreign, const char *what, const char *by) {
    pthread_mutex_lock(&publish->lock);
    struct publish_told *told = &publish->told;
    bool news = told->refused || foreign > 0;
    told->refused = false;
    told->written_ms = clock_mono_ms();
    if (foreign > 0 && told->foreign == 0) {
        (void)text_copy(told->foreign_what, sizeof told->foreign_what, what);
        (void)text_copy(told->foreign_by, sizeof told->foreign_by, by);
    }
    told->foreign += foreign;
    pthread_mutex_unlock(&publish->lock);
    if (news) {
        loop_wake(publish->loop);
    }
}

static bool still_leads(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    bool leads = lease_leads(&publish->lease, clock_mono_ms());
    pthread_mutex_unlock(&publish->lock);
    return leads;
}

// What our write has replaced. Over another connection Redis may be another one, or have forgotten; and who lost the lease
// on the way has found what the next one wrote.
static void tell_replaced(struct publish *publish, const struct state_field *had, size_t count) {
    char what[sizeof publish->told.foreign_what] = "";
    unsigned generation = store_generation(publish->store);
    if (generation != publish->written_generation || !still_leads(publish)) {
        written_forget(&publish->written);
    }
    publish->written_generation = generation;
    unsigned foreign = written_by_others(&publish->written, had, count, what, sizeof what);
    const char *rival = written_rival(&publish->written, had, count);
    tell_taken(publish, foreign, what, rival ? rival : "");
}

// Takes the fields. True: they are in the hash.
static bool replace(struct publish *publish, struct state_field *fields, size_t count) {
    struct state_field *had = NULL;
    struct err err = {0};
    if (!store_replace(publish->store, fields, count, &had, &err)) {
        if (is_refusal(&err)) {
            state_fields_free(fields, count);
            tell_refused(publish, &err);
        } else {
            written_unsure(&publish->written, fields, count);
        }
        return false;
    }
    tell_replaced(publish, had, count);
    state_fields_free(had, count);
    written_taken(&publish->written, fields, count);
    return true;
}

static bool says(const struct state_field *fields, size_t count, const char *name, const char *value) {
    for (size_t i = 0; i < count; i++) {
        if (text_equal(fields[i].name, name)) {
            return text_equal(fields[i].value, value);
        }
    }
    return false;
}

void publish_write_state(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    struct state_field *fields = TAKE(publish->fields);
    size_t count = publish->field_count;
    publish->field_count = 0;
    bool clear_intent = publish->clear_intent, unsync = publish->unsync;
    publish->urgent = false;
    bool leads = lease_leads(&publish->lease, clock_mono_ms());
    pthread_mutex_unlock(&publish->lock);
    if (!fields) {
        return;
    }
    if (!leads) {
        state_fields_free(fields, count);
        return;
    }
    size_t kept = keep_allowed(publish, fields, count, clear_intent, unsync);
    for (size_t i = kept; i < count; i++) {
        free(TAKE(fields[i].value));
    }
    // A state that was made before it was asked to be cleared says the old intent.
    bool cleared = says(fields, kept, "intent", ""), unsynced = says(fields, kept, "sync_epoch", "0");
    if (replace(publish, fields, kept) && (cleared || unsynced)) {
        pthread_mutex_lock(&publish->lock);
        publish->clear_intent &= !cleared;
        publish->unsync &= !unsynced;
        pthread_mutex_unlock(&publish->lock);
    }
}
