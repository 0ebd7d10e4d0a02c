#include "watcher/written.h"

#include <string.h>

#include "common/text.h"

enum { SHOWN_BYTES = 64 };

static void drop(struct written_fields *fields) {
    state_fields_free(fields->fields, fields->count);
    *fields = (struct written_fields){0};
}

void written_taken(struct written *written, struct state_field *fields, size_t count) {
    drop(&written->last);
    written->last = (struct written_fields){fields, count};
}

void written_unsure(struct written *written, struct state_field *fields, size_t count) {
    struct written_fields *slot = &written->unsure[written->next_unsure++ % WRITTEN_UNSURE_MAX];
    drop(slot);
    *slot = (struct written_fields){fields, count};
}

void written_forget(struct written *written) {
    drop(&written->last);
    for (size_t i = 0; i < WRITTEN_UNSURE_MAX; i++) {
        drop(&written->unsure[i]);
    }
}

static const char *value_in(const struct state_field *fields, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (text_equal(fields[i].name, name)) {
            return fields[i].value;
        }
    }
    return NULL;
}

static const char *value_of(const struct written_fields *fields, const char *name) {
    return value_in(fields->fields, fields->count, name);
}

static bool written_by_actor(const char *name) {
    return text_equal(name, "intent") || text_equal(name, "sync") || text_equal(name, "sync_epoch");
}

static bool ours(const struct written *written, const struct state_field *field, const char *known) {
    if (field->value == NULL || known == NULL || text_equal(field->value, known) || written_by_actor(field->name)) {
        return true;  // gone, or never written: Redis lost it, or this is the first time
    }
    for (size_t i = 0; i < WRITTEN_UNSURE_MAX; i++) {
        const char *late = value_of(&written->unsure[i], field->name);
        if (late != NULL && text_equal(field->value, late)) {
            return true;
        }
    }
    return false;
}

static void show(char *out, size_t size_bytes, const struct state_field *found, const char *known) {
    char was[SHOWN_BYTES], is[SHOWN_BYTES];
    (void)text_copy(was, sizeof was, found->value);
    (void)text_copy(is, sizeof is, known);
    size_t used = strlen(out);
    (void)text_format(out + used, size_bytes - used, "%s%s: %s → %s", used ? "; " : "", found->name, was, is);
}

unsigned written_by_others(const struct written *written, const struct state_field *had, size_t count, char *out,
                           size_t size_bytes) {
    unsigned found = 0;
    *out = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *known = value_of(&written->last, had[i].name);
        if (!ours(written, &had[i], known)) {
            show(out, size_bytes, &had[i], known);
            found++;
        }
    }
    return found;
}

const char *written_rival(const struct written *written, const struct state_field *had, size_t count) {
    const char *theirs = value_in(had, count, "leader"), *own = value_of(&written->last, "leader");
    return theirs != NULL && *theirs && own != NULL && !text_equal(theirs, own) ? theirs : NULL;
}
