// Prints one number for all that the policy decides, in every situation and with every set of flags: two policies with
// the same number are the same policy. For mutate_rules.py.
#include <inttypes.h>
#include <stdio.h>

#include "watcher/policy.h"

enum { DENSE_SETS = 1 << 18, FLAG_SETS = 1 << 22, STRIDE = 61 };  // of the sets with rarer flags not each one

static uint64_t mix(uint64_t digest, struct decision got) {
    uint64_t word = (uint64_t)got.rule << 32 | (uint64_t)got.phase << 24 | (uint64_t)got.act << 16 |
                    (uint64_t)got.target << 12 | (uint64_t)got.why % 4093;
    return (digest ^ word) * 1099511628211u + 1;
}

static uint64_t mix_cluster(uint64_t digest, const struct facts *facts, unsigned flags) {
    return mix(digest, policy_cluster(PHASE_NORMAL, facts, flags));
}

static uint64_t mix_node(uint64_t digest, unsigned view, unsigned sync, unsigned node, unsigned flags) {
    const struct facts facts = {
        .view = view, .sync = sync, .nodes = {{.standing = node % STANDING_COUNT, .fit = node / STANDING_COUNT}}};
    return mix(digest, policy_node(PHASE_NORMAL, &facts, 0, flags));
}

int main(void) {
    uint64_t digest = 14695981039346656037u;
    const unsigned stops = FLAG_LEADER | FLAG_SETTLED | FLAG_BUSY;
    for (unsigned flags = 0; flags < FLAG_SETS; flags += flags < DENSE_SETS ? 1 : STRIDE) {
        // Where a rule of these three flags decides, the rest does not matter: a few situations are enough.
        bool stopped = (flags & stops) != (FLAG_LEADER | FLAG_SETTLED);
        for (unsigned i = 0; i < PRIMARY_VIEW_COUNT * WITNESS_COUNT * CANDIDATE_COUNT * ELECTION_COUNT;
             i += stopped ? 97 : 1) {
            const struct facts facts = {.view = i % PRIMARY_VIEW_COUNT,
                                        .witness = i / PRIMARY_VIEW_COUNT % WITNESS_COUNT,
                                        .candidate = i / PRIMARY_VIEW_COUNT / WITNESS_COUNT % CANDIDATE_COUNT,
                                        .election = i / PRIMARY_VIEW_COUNT / WITNESS_COUNT / CANDIDATE_COUNT};
            digest = mix_cluster(digest, &facts, flags);
        }
        for (unsigned i = 0; i < PRIMARY_VIEW_COUNT * SYNC_COUNT; i++) {
            const struct facts facts = {.view = i % PRIMARY_VIEW_COUNT, .sync = i / PRIMARY_VIEW_COUNT};
            digest = mix_cluster(digest, &facts, flags);
        }
        for (unsigned i = 0; i < PRIMARY_VIEW_COUNT * STANDING_COUNT * FIT_COUNT; i++) {
            digest = mix_node(digest, i % PRIMARY_VIEW_COUNT, SYNC_NONE, i / PRIMARY_VIEW_COUNT, flags);
        }
        for (unsigned i = 0; i < ROWS_VIEW_COUNT * SYNC_COUNT * PRIMARY_VIEW_COUNT; i++) {  // of the primary's rows alone
            const struct facts facts = {.view = i / ROWS_VIEW_COUNT / SYNC_COUNT,
                                        .sync = i / ROWS_VIEW_COUNT % SYNC_COUNT,
                                        .rows = i % ROWS_VIEW_COUNT,
                                        .nodes = {{.standing = STANDING_PRIMARY}, {.standing = STANDING_STREAMING}}};
            digest = mix(mix(digest, policy_node(PHASE_NORMAL, &facts, 0, flags)),
                         policy_node(PHASE_NORMAL, &facts, 1, flags));
        }
        for (unsigned i = 0; i < SYNC_COUNT * STANDING_COUNT * FIT_COUNT; i++) {  // only an open primary is in step or not
            digest = mix_node(digest, PRIMARY_OPEN, i % SYNC_COUNT, i / SYNC_COUNT, flags);
        }
    }
    printf("%016" PRIx64 "\n", digest);
    return 0;
}
