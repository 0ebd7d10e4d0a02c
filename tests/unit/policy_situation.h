// One situation as the policy sees it. Shared by its tests.
#pragma once
#include "watcher/policy.h"

#include "unit.h"

enum { LEADS = FLAG_LEADER | FLAG_SETTLED };  // what every decision needs

struct situation {
    enum primary_view view;
    enum witness witness;
    enum candidate candidate;
    enum election election;
    unsigned flags;
    enum sync_view sync;
};

static inline struct decision decide(const struct situation *at) {
    const struct facts facts = {
        .view = at->view, .witness = at->witness, .candidate = at->candidate, .election = at->election, .sync = at->sync};
    return policy_cluster(PHASE_NORMAL, &facts, at->flags);
}

static inline struct decision decide_rows(enum standing standing, enum fit fit, enum primary_view view, unsigned flags,
                                          enum sync_view sync, enum rows_view rows) {
    const struct facts facts = {
        .view = view, .sync = sync, .rows = rows, .nodes = {{.standing = standing, .fit = fit}}};
    return policy_node(PHASE_NORMAL, &facts, 0, flags);
}

static inline struct decision decide_fit(enum standing standing, enum fit fit, enum primary_view view, unsigned flags,
                                         enum sync_view sync) {
    return decide_rows(standing, fit, view, flags, sync, ROWS_NONE);
}

static inline struct decision decide_node(enum standing standing, enum primary_view view, unsigned flags) {
    const struct facts facts = {.view = view, .nodes = {{.standing = standing}}};
    return policy_node(PHASE_NORMAL, &facts, 0, flags);
}
