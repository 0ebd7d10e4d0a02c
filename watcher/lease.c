#include "watcher/lease.h"

#include "common/text.h"

// From when on nobody else can believe any more that it holds what was given to us.
static int64_t rid_of_rivals_ms(const struct lease *lease, const struct lease_word *word, int64_t asked_ms,
                                int64_t now_ms, bool anew) {
    if (lease->rival_seen_ms == 0 || (word->handed_over && !anew)) {
        return asked_ms;
    }
    bool not_renewed_since = word->renewals != 0 && word->renewals == lease->renewals;
    return (not_renewed_since ? lease->renewed_ms : now_ms) + LEASE_TTL_MS;
}

void lease_answer(struct lease *lease, bool ours, const struct lease_word *word, int64_t asked_ms, int64_t now_ms,
                  bool anew) {
    bool kept = asked_ms < lease->held_until_ms;
    lease->renewals = anew ? 0 : lease->renewals;  // it may have lost the last of them, or begun again
    if (ours && !kept) {
        lease->held_from_ms = rid_of_rivals_ms(lease, word, asked_ms, now_ms, anew);
    } else if (!ours && word->renewals != lease->renewals) {
        lease->renewals = word->renewals;
        lease->renewed_ms = now_ms;
    }
    lease->answered_ms = asked_ms;
    lease->held_until_ms = ours ? asked_ms + LEASE_TTL_MS - LEASE_MARGIN_MS : 0;
    (void)text_copy(lease->holder, sizeof lease->holder, word->holder);
    if (word->rival) {
        lease->rival_seen_ms = asked_ms;
    }
}

void lease_met(struct lease *lease, const char *rival, int64_t met_ms) {
    if (met_ms > lease->rival_seen_ms) {
        lease->rival_seen_ms = met_ms;
    }
    if (met_ms >= lease->held_until_ms) {
        (void)text_copy(lease->holder, sizeof lease->holder, rival);
    }
}

void lease_given_back(struct lease *lease, int64_t now_ms) {
    lease->held_until_ms = 0;
    lease->answered_ms = now_ms;    // Redis is there: no reason to go on without it
    lease->rival_seen_ms = now_ms;  // and should it go away, somebody else may have taken the lease by then
}

bool lease_leads(const struct lease *lease, int64_t now_ms) {
    if (now_ms < lease->held_until_ms) {
        return now_ms >= lease->held_from_ms;
    }
    bool redis_away = now_ms - lease->answered_ms > 2 * LEASE_RENEW_MS;
    // Time without Redis proves nothing: a rival that holds the lease goes on too.
    bool alone = lease->rival_seen_ms == 0 || lease->answered_ms - lease->rival_seen_ms > LEASE_RIVAL_MS;
    return redis_away && alone;
}

bool lease_lasts(const struct lease *lease, int64_t now_ms, int64_t for_ms) {
    return lease_leads(lease, now_ms) && (lease->rival_seen_ms == 0 || now_ms + for_ms <= lease->held_until_ms);
}
