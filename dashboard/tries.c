#include "tries.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

enum { ADDRESSES = 64, TOKEN_SIZE = 256, CREDIT_MOST_MS = TRIES_GUESSES * TRIES_GUESS_EVERY_MS };

struct entry {
    char address[TRIES_ADDRESS_SIZE];  // "": free
    char token[TOKEN_SIZE];            // the last wrong one
    int64_t guess_ms, wrong_ms;  // credit, in the time that it takes to earn it: for guesses, for wrong ones of any kind
    int64_t seen_ms;             // as of when
};

struct telling {
    uint64_t told;
    int64_t at_ms;  // 0: never
};

struct tries {
    struct entry entries[ADDRESSES];
    uint64_t count;
    char address[TRIES_ADDRESS_SIZE];
    struct telling log, report;
};

struct tries *tries_new(void) {
    return mem_zero(1, sizeof(struct tries));
}

void tries_free(struct tries *tries) {
    if (tries != NULL) {
        explicit_bzero(tries, sizeof *tries);  // a wrong token may be a right one elsewhere
    }
    free(tries);
}

static void earn(int64_t *credit_ms, int64_t passed_ms) {
    *credit_ms = *credit_ms + passed_ms < CREDIT_MOST_MS ? *credit_ms + passed_ms : CREDIT_MOST_MS;
}

// Its entry as of now; NULL if there is none.
static struct entry *find(struct tries *tries, const char *address, int64_t now_ms) {
    for (int i = 0; i < ADDRESSES; i++) {
        struct entry *entry = &tries->entries[i];
        if (*entry->address && text_equal(entry->address, address)) {
            earn(&entry->guess_ms, now_ms - entry->seen_ms);
            earn(&entry->wrong_ms, now_ms - entry->seen_ms);
            entry->seen_ms = now_ms;
            return entry;
        }
    }
    return NULL;
}

// Whoever has been quiet for longest makes room.
static struct entry *make(struct tries *tries, const char *address, int64_t now_ms) {
    struct entry *entry = &tries->entries[0];
    for (int i = 1; i < ADDRESSES && *entry->address; i++) {
        bool quieter = *tries->entries[i].address == '\0' || tries->entries[i].seen_ms < entry->seen_ms;
        entry = quieter ? &tries->entries[i] : entry;
    }
    *entry = (struct entry){.guess_ms = CREDIT_MOST_MS, .wrong_ms = CREDIT_MOST_MS, .seen_ms = now_ms};
    (void)text_copy(entry->address, sizeof entry->address, address);
    return entry;
}

static void note(struct tries *tries, const char *address) {
    tries->count++;
    (void)text_copy(tries->address, sizeof tries->address, address);
}

static int seconds_until(int64_t credit_ms) {
    return (int)((TRIES_GUESS_EVERY_MS - credit_ms + 999) / 1000);
}

bool tries_allowed(struct tries *tries, const char *address, int64_t now_ms, int *ret_retry_s) {
    struct entry *entry = find(tries, address, now_ms);
    if (entry == NULL || entry->guess_ms >= TRIES_GUESS_EVERY_MS) {
        return true;
    }
    note(tries, address);
    *ret_retry_s = seconds_until(entry->guess_ms);
    return false;
}

int tries_wrong(struct tries *tries, const char *address, const char *token, int64_t now_ms) {
    struct entry *entry = find(tries, address, now_ms);
    if (entry == NULL) {
        entry = make(tries, address, now_ms);
    }
    note(tries, address);
    bool again = strlen(token) < TOKEN_SIZE && *entry->token && strcmp(entry->token, token) == 0;
    if (!again) {
        entry->guess_ms -= entry->guess_ms >= TRIES_GUESS_EVERY_MS ? TRIES_GUESS_EVERY_MS : entry->guess_ms;
        (void)text_copy(entry->token, sizeof entry->token, token);
    }
    if (entry->wrong_ms >= TRIES_GUESS_EVERY_MS) {
        entry->wrong_ms -= TRIES_GUESS_EVERY_MS;
        return 0;
    }
    return seconds_until(entry->wrong_ms);
}

uint64_t tries_count(const struct tries *tries) {
    return tries->count;
}

static bool tell(struct tries *tries, struct telling *telling, uint64_t least, int64_t every_ms, int64_t now_ms,
                 struct tries_news *ret) {
    uint64_t count = tries->count - telling->told;
    if (count < least || (telling->at_ms != 0 && now_ms - telling->at_ms < every_ms)) {
        return false;
    }
    *telling = (struct telling){.told = tries->count, .at_ms = now_ms};
    ret->count = count;
    (void)text_copy(ret->address, sizeof ret->address, tries->address);
    return true;
}

bool tries_tell(struct tries *tries, int64_t now_ms, struct tries_news *ret) {
    return tell(tries, &tries->log, 1, TRIES_TELL_MS, now_ms, ret);
}

bool tries_report(struct tries *tries, int64_t now_ms, struct tries_news *ret) {
    return tell(tries, &tries->report, TRIES_REPORT_COUNT, TRIES_REPORT_MS, now_ms, ret);
}
