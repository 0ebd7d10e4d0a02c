// The table of rules: its form, and one example for and against each rule.
#include "policy_situation.h"

// --- form ---

static void assert_form(const struct rule *rules, size_t count, int after, bool of_node) {
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = &rules[i];
        char name[16];
        (void)snprintf(name, sizeof name, "%d", rule->id);
        assert_row(name, rule->id > after);
        after = rule->id;
        assert_row(name, (rule->yes & rule->no) == 0);
        assert_row(name, rule->view < 1u << PRIMARY_VIEW_COUNT);
        assert_row(name, rule->witness < 1u << WITNESS_COUNT);
        assert_row(name, rule->candidate < 1u << CANDIDATE_COUNT);
        assert_row(name, rule->election < 1u << ELECTION_COUNT);
        assert_row(name, rule->standing < 1u << STANDING_COUNT);
        assert_row(name, rule->sync < 1u << SYNC_COUNT);
        assert_row(name, rule->fit < 1u << FIT_COUNT);
        assert_row(name, rule->rows < 1u << ROWS_VIEW_COUNT);
        // What the sweep relies on: only an open primary's row is looked at, and only about the primary.
        assert_row(name, rule->rows == 0 || rule->standing == 1u << STANDING_PRIMARY);
        assert_row(name, rule->to == PHASE_STAY || (rule->to >= 0 && rule->to < PHASE_COUNT));
        assert_row(name, rule->act < ACT_COUNT && *act_name(rule->act) != '?');
        // What the sweep relies on: only an open primary can be in step or not.
        assert_row(name, rule->sync == 0 || rule->view == 1u << PRIMARY_OPEN);
        // A person can read why: whatever is done, whatever the cluster is said to be.
        assert_row(name, rule->why != MSG_NONE || (of_node && rule->act == ACT_NONE));
        bool on_node = rule->act == ACT_FENCE || rule->act == ACT_FORGET || rule->act == ACT_RESYNC ||
                       rule->act == ACT_ALARM || rule->act == ACT_SUIT || rule->act == ACT_RESTORE;
        if (of_node) {
            assert_row(name, rule->to == PHASE_STAY && rule->target == TARGET_NONE);
            assert_row(name, rule->act == ACT_NONE || (on_node && (rule->standing || rule->fit)));
            assert_row(name, (rule->witness | rule->candidate | rule->election) == 0);
        } else {
            assert_row(name, !on_node && (rule->standing | rule->fit | rule->rows) == 0);
            assert_row(name, (rule->act == ACT_NONE) == (rule->target == TARGET_NONE));
            assert_row(name, rule->act == ACT_NONE || rule->view);  // no act without knowing how the primary is
            // What the sweep relies on: nothing else is asked when nobody is recorded.
            assert_row(name, rule->election == 0 || rule->view == 1u << PRIMARY_NONE);
            assert_row(name, rule->view != 1u << PRIMARY_NONE || (rule->witness | rule->candidate) == 0);
        }
    }
}

static void the_tables_are_well_formed(void **state) {
    (void)state;
    size_t clusters, nodes;
    const struct rule *cluster = policy_cluster_rules(&clusters);
    const struct rule *node = policy_node_rules(&nodes);
    assert_form(cluster, clusters, 0, false);
    assert_form(node, nodes, cluster[clusters - 1].id, true);
    assert_string_equal(act_name(ACT_COUNT), "?");
}

// --- examples ---

static const struct example {
    int rule;
    const char *name;
    struct situation at;
} examples[] = {
    {100, "another leads, though all is clear", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, FLAG_SETTLED, 0}},
    {100,
     "another leads, and it is asked",
     {PRIMARY_OPEN, 0, 0, 0, FLAG_SETTLED | FLAG_ASK_SWITCHOVER | FLAG_TARGET_READY, 0}},
    {105, "busy", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_BUSY, 0}},
    {110, "not settled", {PRIMARY_NONE, 0, 0, ELECTION_READY, FLAG_LEADER, 0}},
    {120, "asked", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ASK_SWITCHOVER | FLAG_TARGET_READY, 0}},
    {120,
     "asked in maintenance",
     {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_ASK_SWITCHOVER | FLAG_TARGET_READY, 0}},
    {166, "asked, target not ready", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ASK_SWITCHOVER, 0}},
    {172, "asked, primary closed", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_ASK_SWITCHOVER | FLAG_TARGET_READY, 0}},
    {122, "asked, dead", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_ASK_FAILOVER | FLAG_LIMIT, 0}},
    {122,
     "asked, silent",
     {PRIMARY_SILENT, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_ASK_FAILOVER | FLAG_COOLING, 0}},
    {122,
     "asked, in maintenance",
     {PRIMARY_CLOSING, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_ASK_FAILOVER | FLAG_MAINTENANCE, 0}},
    {180, "asked, only missed", {PRIMARY_MISSED, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_ASK_FAILOVER, 0}},
    {190, "asked, still streams", {PRIMARY_DEAD, WITNESS_STREAMS, CANDIDATE_READY, 0, LEADS | FLAG_ASK_FAILOVER, 0}},
    {202, "asked, nobody can", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_NONE, 0, LEADS | FLAG_ASK_FAILOVER, 0}},
    {207, "its account lacks a privilege", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_UNABLE, 0, LEADS, 0}},
    {200, "the same, nobody confirms", {PRIMARY_DEAD, WITNESS_NONE, CANDIDATE_UNABLE, 0, LEADS, 0}},
    {208, "asked, stale", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_STALE, 0, LEADS | FLAG_ASK_FAILOVER, 0}},
    {193,
     "asked, a half-opened node away",
     {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_ASK_FAILOVER | FLAG_UNCERTAIN, 0}},
    {124, "forced, dead", {PRIMARY_DEAD, WITNESS_NONE, CANDIDATE_NONE, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {124,
     "forced, shutting down",
     {PRIMARY_CLOSING, WITNESS_NONE, CANDIDATE_NONE, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {124,
     "forced, silent, limit",
     {PRIMARY_SILENT, WITNESS_UNSURE, CANDIDATE_STALE, 0, LEADS | FLAG_LIMIT | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {124,
     "forced, missed, in maintenance",
     {PRIMARY_MISSED, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {124, "forced, another server there", {PRIMARY_IMPOSTOR, 0, 0, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {124,
     "forced, nobody recorded",
     {PRIMARY_NONE, 0, 0, ELECTION_DIVERGED, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {124,
     "forced, a half-opened node away",
     {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_UNCERTAIN | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {124,
     "forced, one opened by hand",
     {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_OPEN_OTHER | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {202, "forced, target not fit", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_NONE, 0, LEADS | FLAG_ASK_FORCE, 0}},
    {166, "forced, but the primary serves", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {178, "forced, but the primary lives", {PRIMARY_ALIVE, 0, 0, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {129,
     "maintenance, dead",
     {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_MAINTENANCE | FLAG_INTENT, 0}},
    {129, "maintenance, the primary dead", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_MAINTENANCE, 0}},
    {129, "maintenance, the primary silent", {PRIMARY_SILENT, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_MAINTENANCE, 0}},
    {129, "maintenance, the primary shut down", {PRIMARY_CLOSING, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_MAINTENANCE, 0}},
    {130, "maintenance, all well", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_ALL_STREAMING, 0}},
    {132, "one open, watching only", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_OPEN_OTHER | FLAG_HELD, 0}},
    {132, "none open, watching only", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_HELD, 0}},
    {132, "several open, watching only", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_OPEN_MANY | FLAG_HELD, 0}},
    {130, "watching only, in maintenance", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_MAINTENANCE | FLAG_HELD, 0}},
    {164, "on record: no more held", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ALL_STREAMING | FLAG_HELD, 0}},
    {210, "on record and dead: no more held", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_HELD, 0}},
    {140, "several open", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_OPEN_MANY, 0}},
    {141, "one open, half a copy", {PRIMARY_NONE, 0, 0, ELECTION_HALF, LEADS | FLAG_OPEN_OTHER, 0}},
    {141, "half a copy covers all", {PRIMARY_NONE, 0, 0, ELECTION_HALF, LEADS, 0}},
    {140, "half a copy, several open", {PRIMARY_NONE, 0, 0, ELECTION_HALF, LEADS | FLAG_OPEN_MANY, 0}},
    {124,
     "half a copy, another forced",
     {PRIMARY_NONE, 0, 0, ELECTION_HALF, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {142, "one open", {PRIMARY_NONE, 0, 0, ELECTION_WAITING, LEADS | FLAG_OPEN_OTHER, 0}},
    {142, "one open, all answer", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_OPEN_OTHER, 0}},
    {143,
     "one open, recording it failed",
     {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_OPEN_OTHER | FLAG_COOLING, 0}},
    {144, "a new cluster", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS, 0}},
    {148, "a new cluster, just failed", {PRIMARY_NONE, 0, 0, ELECTION_READY, LEADS | FLAG_COOLING, 0}},
    {146, "both diverged", {PRIMARY_NONE, 0, 0, ELECTION_DIVERGED, LEADS, 0}},
    {147, "starting, one not heard", {PRIMARY_NONE, 0, 0, ELECTION_WAITING, LEADS | FLAG_YOUNG, 0}},
    {146, "starting, but diverged", {PRIMARY_NONE, 0, 0, ELECTION_DIVERGED, LEADS | FLAG_YOUNG, 0}},
    {148, "one not heard", {PRIMARY_NONE, 0, 0, ELECTION_WAITING, LEADS, 0}},
    {148, "none heard", {PRIMARY_NONE, 0, 0, ELECTION_NONE, LEADS, 0}},
    {150, "does not wait as recorded", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ALL_STREAMING, SYNC_LOOSE}},
    {150, "the same, an act failed a moment ago", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_COOLING, SYNC_LOOSE}},
    {130, "the same, in maintenance", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE, SYNC_LOOSE}},
    {172, "the same, but it is closed", {PRIMARY_CLOSED, 0, 0, 0, LEADS, SYNC_LOOSE}},
    {128, "nobody acknowledges, in maintenance", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE, SYNC_STUCK}},
    {127,
     "the same, a half-opened node away",
     {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_UNCERTAIN, SYNC_STUCK}},
    {151, "nobody acknowledges, a half-opened node away", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_UNCERTAIN, SYNC_STUCK}},
    {149, "nobody acknowledges, the record may be old", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_RECALLED, SYNC_STUCK}},
    {126, "the same, in maintenance", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_RECALLED, SYNC_STUCK}},
    {130, "the same, but it was missed", {PRIMARY_MISSED, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_RECALLED, SYNC_STUCK}},
    {130,
     "the same, a half-opened node away",
     {PRIMARY_MISSED, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_UNCERTAIN, SYNC_STUCK}},
    {130, "others keep up, in maintenance", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_RECALLED, SYNC_DUE}},
    {130,
     "the same, a half-opened node away",
     {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_MAINTENANCE | FLAG_UNCERTAIN, SYNC_DUE}},
    {154, "the record may be old, others keep up", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_RECALLED, SYNC_DUE}},
    {180, "the same as 149, but it was missed", {PRIMARY_MISSED, 0, 0, 0, LEADS | FLAG_RECALLED, SYNC_STUCK}},
    {154, "a half-opened node away, others keep up", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_UNCERTAIN, SYNC_DUE}},
    {180, "the same as 151, but it was missed", {PRIMARY_MISSED, 0, 0, 0, LEADS | FLAG_UNCERTAIN, SYNC_STUCK}},
    {130, "the same, but it was missed", {PRIMARY_MISSED, 0, 0, 0, LEADS | FLAG_MAINTENANCE, SYNC_STUCK}},
    {152, "nobody acknowledges", {PRIMARY_OPEN, 0, 0, 0, LEADS, SYNC_STUCK}},
    {152, "nobody acknowledges, a job runs", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ANY_JOB | FLAG_COOLING, SYNC_STUCK}},
    {180, "nobody acknowledges, but it was missed", {PRIMARY_MISSED, 0, 0, 0, LEADS, SYNC_STUCK}},
    {172, "nobody acknowledged, and it is closed", {PRIMARY_CLOSED, 0, 0, 0, LEADS, SYNC_STUCK}},
    {120,
     "a switchover goes first",
     {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ASK_SWITCHOVER | FLAG_TARGET_READY, SYNC_DUE}},
    {154, "enough keep up", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ALL_STREAMING | FLAG_FAILBACK_DUE, SYNC_DUE}},
    {178, "enough keep up, but it is overloaded", {PRIMARY_ALIVE, 0, 0, 0, LEADS, SYNC_DUE}},
    {156, "the mode is async now", {PRIMARY_OPEN, 0, 0, 0, LEADS, SYNC_LEFT}},
    {174, "the mode is async now, but it is closed", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_COOLING, SYNC_LEFT}},
    {164, "waits as recorded", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ALL_STREAMING, SYNC_ON}},
    {166, "alone as recorded", {PRIMARY_OPEN, 0, 0, 0, LEADS, SYNC_OFF}},
    {203, "went on alone", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_UNSYNCED, 0, LEADS, 0}},
    {203, "went on alone, half-way", {PRIMARY_SILENT, WITNESS_LOST, CANDIDATE_UNSYNCED, 0, LEADS | FLAG_INTENT, 0}},
    {203, "went on alone, asked", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_UNSYNCED, 0, LEADS | FLAG_ASK_FAILOVER, 0}},
    {124,
     "went on alone, forced",
     {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_UNSYNCED, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {205, "nobody vouches", {PRIMARY_CLOSING, WITNESS_STREAMS, CANDIDATE_UNPROVEN, 0, LEADS, 0}},
    {205, "nobody vouches, half-way", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_UNPROVEN, 0, LEADS | FLAG_INTENT, 0}},
    {160, "back to the preferred", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_FAILBACK_DUE | FLAG_ALL_STREAMING, 0}},
    {164,
     "back, but it just failed",
     {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_FAILBACK_DUE | FLAG_ALL_STREAMING | FLAG_COOLING, 0}},
    {162, "back, but a job runs", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_FAILBACK_DUE | FLAG_ANY_JOB, 0}},
    {172, "back, but the primary is closed", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_FAILBACK_DUE, 0}},
    {162, "a job runs", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ANY_JOB, 0}},
    {164, "all well", {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_ALL_STREAMING, 0}},
    {166, "a replica is missing", {PRIMARY_OPEN, 0, 0, 0, LEADS, 0}},
    {167,
     "the old one goes on, its successor half-open",
     {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_OPEN_OTHER | FLAG_OUTLIVED | FLAG_INTENT, 0}},
    {166,
     "the same, its successor open",
     {PRIMARY_OPEN, 0, 0, 0, LEADS | FLAG_OPEN_OTHER | FLAG_OUTLIVED | FLAG_INTENT, 0}},
    {168, "opened by hand", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_OPEN_OTHER, 0}},
    {169, "came back with less than it had", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_BEHIND, 0}},
    {210, "dead, and another holds more", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_BEHIND, 0}},
    {210,
     "dead, outlived by its predecessor",
     {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_OUTLIVED, 0}},
    {168, "the same, another one opened by hand", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_BEHIND | FLAG_OPEN_OTHER, 0}},
    {124,
     "the same, another one forced",
     {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_BEHIND | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {170, "several opened by hand", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_OPEN_MANY, 0}},
    {171, "a half-opened node away", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_UNCERTAIN, 0}},
    {173, "came back fenced, Redis had forgotten", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_RECALLED, 0}},
    {173, "the same, opening failed before", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_RECALLED | FLAG_COOLING, 0}},
    {175, "recorded, not configured", {PRIMARY_FOREIGN, 0, 0, ELECTION_READY, LEADS, 0}},
    {179, "closed a moment ago", {PRIMARY_SHUT, 0, 0, 0, LEADS, 0}},
    {179, "the same, another one opened by hand", {PRIMARY_SHUT, 0, 0, 0, LEADS | FLAG_OPEN_OTHER, 0}},
    {124, "the same, another one forced", {PRIMARY_SHUT, 0, 0, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {172, "came back fenced", {PRIMARY_CLOSED, 0, 0, 0, LEADS, 0}},
    {172,
     "came back fenced, a job runs",
     {PRIMARY_CLOSED, WITNESS_STREAMS, CANDIDATE_READY, 0, LEADS | FLAG_ANY_JOB, 0}},
    {174, "came back fenced, opening failed", {PRIMARY_CLOSED, 0, 0, 0, LEADS | FLAG_COOLING, 0}},
    {176, "another server there", {PRIMARY_IMPOSTOR, WITNESS_LOST, CANDIDATE_READY, 0, LEADS, 0}},
    {177, "half a copy", {PRIMARY_HALF, WITNESS_LOST, CANDIDATE_READY, 0, LEADS, 0}},
    {177,
     "half a copy, an intent",
     {PRIMARY_HALF, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_INTENT | FLAG_OPEN_OTHER, 0}},
    {124, "half a copy, forced", {PRIMARY_HALF, 0, 0, 0, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 0}},
    {178, "overloaded", {PRIMARY_ALIVE, WITNESS_LOST, CANDIDATE_READY, 0, LEADS, 0}},
    {180, "missed", {PRIMARY_MISSED, WITNESS_LOST, CANDIDATE_READY, 0, LEADS, 0}},
    {180, "unseen", {PRIMARY_UNSEEN, WITNESS_LOST, CANDIDATE_READY, 0, LEADS, 0}},
    {180, "missed, with an intent", {PRIMARY_MISSED, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_INTENT, 0}},
    {190, "our path", {PRIMARY_DEAD, WITNESS_STREAMS, CANDIDATE_READY, 0, LEADS, 0}},
    {190,
     "our path, silent, with an intent",
     {PRIMARY_SILENT, WITNESS_STREAMS, CANDIDATE_READY, 0, LEADS | FLAG_INTENT, 0}},
    {192, "dead, the replica unsure", {PRIMARY_DEAD, WITNESS_UNSURE, CANDIDATE_READY, 0, LEADS, 0}},
    {192, "silent, the replica unsure", {PRIMARY_SILENT, WITNESS_UNSURE, CANDIDATE_READY, 0, LEADS | FLAG_INTENT, 0}},
    {192, "shutting down, the replica unsure", {PRIMARY_CLOSING, WITNESS_UNSURE, CANDIDATE_READY, 0, LEADS, 0}},
    {193, "dead, a half-opened node away", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_UNCERTAIN, 0}},
    {193,
     "the same, to be resumed elsewhere",
     {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_UNCERTAIN | FLAG_INTENT, 0}},
    {199, "starting, dead, nobody to ask", {PRIMARY_DEAD, WITNESS_NONE, CANDIDATE_NONE, 0, LEADS | FLAG_YOUNG, 0}},
    {210, "starting, dead, the others tell", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_YOUNG, 0}},
    {194, "limit", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_LIMIT, 0}},
    {194,
     "limit, with an intent",
     {PRIMARY_SILENT, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_LIMIT | FLAG_INTENT, 0}},
    {194,
     "limit, shutting down",
     {PRIMARY_CLOSING, WITNESS_STREAMS, CANDIDATE_READY, 0, LEADS | FLAG_LIMIT | FLAG_COOLING, 0}},
    {196, "just failed", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_COOLING, 0}},
    {196,
     "just failed, with an intent",
     {PRIMARY_CLOSING, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_COOLING | FLAG_INTENT, 0}},
    {198, "goes on half-way", {PRIMARY_DEAD, WITNESS_NONE, CANDIDATE_READY, 0, LEADS | FLAG_INTENT, 0}},
    {198, "goes on half-way, silent", {PRIMARY_SILENT, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_INTENT, 0}},
    {200,
     "goes on half-way, but it is broken",
     {PRIMARY_DEAD, WITNESS_NONE, CANDIDATE_BROKEN, 0, LEADS | FLAG_INTENT, 0}},
    {200, "no witness", {PRIMARY_DEAD, WITNESS_NONE, CANDIDATE_READY, 0, LEADS, 0}},
    {200, "no witness, silent", {PRIMARY_SILENT, WITNESS_NONE, CANDIDATE_READY, 0, LEADS, 0}},
    {200, "no witness, shutting down", {PRIMARY_CLOSING, WITNESS_NONE, CANDIDATE_NONE, 0, LEADS, 0}},
    {202, "nobody can", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_NONE, 0, LEADS, 0}},
    {202, "nobody can, shutting down", {PRIMARY_CLOSING, WITNESS_STREAMS, CANDIDATE_NONE, 0, LEADS, 0}},
    {204, "diverged", {PRIMARY_SILENT, WITNESS_LOST, CANDIDATE_DIVERGED, 0, LEADS, 0}},
    {206, "broken", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_BROKEN, 0, LEADS, 0}},
    {208, "stale", {PRIMARY_CLOSING, WITNESS_LOST, CANDIDATE_STALE, 0, LEADS, 0}},
    {209, "shut down, streams ended", {PRIMARY_CLOSING, WITNESS_LOST, CANDIDATE_READY, 0, LEADS, 0}},
    {209, "shut down, streams to the last", {PRIMARY_CLOSING, WITNESS_STREAMS, CANDIDATE_READY, 0, LEADS, 0}},
    {210, "dead", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS, 0}},
    {210, "dead, several nodes open", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_OPEN_MANY, 0}},
    {180, "missed, several nodes open", {PRIMARY_MISSED, 0, 0, 0, LEADS | FLAG_OPEN_MANY, 0}},
    {210, "dead, another node open", {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_OPEN_OTHER, 0}},
    {212, "silent", {PRIMARY_SILENT, WITNESS_LOST, CANDIDATE_READY, 0, LEADS | FLAG_ANY_JOB, 0}},
};

static const struct node_example {
    int rule;
    const char *name;
    enum standing standing;
    enum primary_view view;
    unsigned flags;
    enum fit fit;
    enum sync_view sync;
} node_examples[] = {
    {522, "no plugins", STANDING_STREAMING, PRIMARY_OPEN, LEADS | FLAG_COOLING, FIT_ABSENT, SYNC_NONE},
    {522, "no plugins, no primary", STANDING_ADRIFT, PRIMARY_NONE, LEADS, FIT_ABSENT, SYNC_NONE},
    {510, "no plugins, maintenance", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_MAINTENANCE, FIT_ABSENT, SYNC_NONE},
    {520, "no plugins, twin", STANDING_TWIN, PRIMARY_OPEN, LEADS, FIT_ABSENT, SYNC_NONE},
    {536, "does not acknowledge", STANDING_STREAMING, PRIMARY_OPEN, LEADS, FIT_WRONG, SYNC_NONE},
    {536, "adrift and would wait itself", STANDING_ADRIFT, PRIMARY_OPEN, LEADS, FIT_WRONG, SYNC_NONE},
    {0, "does not acknowledge, tried a moment ago", STANDING_STREAMING, PRIMARY_OPEN, LEADS | FLAG_COOLING, FIT_WRONG,
     SYNC_NONE},
    {0, "does not acknowledge, the primary dead", STANDING_RETRYING, PRIMARY_DEAD, LEADS, FIT_WRONG, SYNC_NONE},
    {0, "does not acknowledge, the primary missed", STANDING_STREAMING, PRIMARY_MISSED, LEADS, FIT_WRONG, SYNC_NONE},
    {540, "adrift, settings right", STANDING_ADRIFT, PRIMARY_OPEN, LEADS, FIT_RIGHT, SYNC_NONE},
    {530, "open, settings wrong", STANDING_OPEN, PRIMARY_OPEN, LEADS, FIT_WRONG, SYNC_NONE},
    {500, "another leads", STANDING_OPEN, PRIMARY_OPEN, 0, 0, SYNC_NONE},
    {505, "busy", STANDING_OPEN, PRIMARY_OPEN, LEADS | FLAG_BUSY, 0, SYNC_NONE},
    {510, "maintenance", STANDING_OPEN, PRIMARY_OPEN, LEADS | FLAG_MAINTENANCE, 0, SYNC_NONE},
    {510, "maintenance, twin", STANDING_TWIN, PRIMARY_OPEN, LEADS | FLAG_MAINTENANCE, 0, SYNC_NONE},
    {520, "twin", STANDING_TWIN, PRIMARY_NONE, LEADS | FLAG_COOLING, 0, SYNC_NONE},
    {530, "open beside the primary", STANDING_OPEN, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {530, "open, the primary missed", STANDING_OPEN, PRIMARY_MISSED, LEADS, 0, SYNC_NONE},
    {530, "open, the primary overloaded", STANDING_OPEN, PRIMARY_ALIVE, LEADS, 0, SYNC_NONE},
    {530, "open, the primary dead", STANDING_OPEN, PRIMARY_DEAD, LEADS, 0, SYNC_NONE},
    {530, "open, the primary silent", STANDING_OPEN, PRIMARY_SILENT, LEADS, 0, SYNC_NONE},
    {530, "open, the primary shut down", STANDING_OPEN, PRIMARY_CLOSING, LEADS, 0, SYNC_NONE},
    {0, "open, the primary closed: by hand", STANDING_OPEN, PRIMARY_CLOSED, LEADS, 0, SYNC_NONE},
    {528, "open, its successor half-open", STANDING_OPEN, PRIMARY_CLOSED, LEADS | FLAG_OUTLIVED, 0, SYNC_NONE},
    {0, "the same, tried a moment ago", STANDING_OPEN, PRIMARY_CLOSED, LEADS | FLAG_OUTLIVED | FLAG_COOLING, 0,
     SYNC_NONE},
    {530, "the same, its successor open", STANDING_OPEN, PRIMARY_OPEN, LEADS | FLAG_OUTLIVED, 0, SYNC_NONE},
    {0, "closed, its successor half-open", STANDING_RETRYING, PRIMARY_CLOSED, LEADS | FLAG_OUTLIVED, 0, SYNC_NONE},
    {0, "open, nobody recorded: to be adopted", STANDING_OPEN, PRIMARY_NONE, LEADS, 0, SYNC_NONE},
    {0, "open, another server in the primary's place", STANDING_OPEN, PRIMARY_IMPOSTOR, LEADS, 0, SYNC_NONE},
    {0, "open, the primary not seen", STANDING_OPEN, PRIMARY_UNSEEN, LEADS, 0, SYNC_NONE},
    {0, "open, tried a moment ago", STANDING_OPEN, PRIMARY_OPEN, LEADS | FLAG_COOLING, 0, SYNC_NONE},
    {532, "loose", STANDING_LOOSE, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "loose, tried a moment ago", STANDING_LOOSE, PRIMARY_OPEN, LEADS | FLAG_COOLING, 0, SYNC_NONE},
    {0, "loose, the primary dead", STANDING_LOOSE, PRIMARY_DEAD, LEADS, 0, SYNC_NONE},
    {0, "loose, the primary closed", STANDING_LOOSE, PRIMARY_CLOSED, LEADS, 0, SYNC_NONE},
    {534, "tied", STANDING_TIED, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "tied, tried a moment ago", STANDING_TIED, PRIMARY_OPEN, LEADS | FLAG_COOLING, 0, SYNC_NONE},
    {0, "tied, closed", STANDING_TIED, PRIMARY_CLOSED, LEADS, 0, SYNC_NONE},
    {540, "adrift", STANDING_ADRIFT, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "adrift, a job just failed", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_COOLING, 0, SYNC_NONE},
    {542, "forked", STANDING_FORKED, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {544, "errant", STANDING_ERRANT, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "errant, the primary closed", STANDING_ERRANT, PRIMARY_CLOSED, LEADS, 0, SYNC_NONE},
    {510, "errant, in maintenance", STANDING_ERRANT, PRIMARY_OPEN, LEADS | FLAG_MAINTENANCE, 0, SYNC_NONE},
    {540, "adrift, lossless", STANDING_ADRIFT, PRIMARY_OPEN, LEADS, 0, SYNC_ON},
    {542, "forked, lossless", STANDING_FORKED, PRIMARY_OPEN, LEADS, 0, SYNC_OFF},
    {535, "adrift, it waits, a half-opened node away", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0,
     SYNC_STUCK},
    {535, "the same before anybody waits in vain", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0, SYNC_ON},
    {535, "the same, it goes on alone", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0, SYNC_OFF},
    {535, "the same, others keep up", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0, SYNC_DUE},
    {535, "the same, it does not wait as recorded", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0,
     SYNC_LOOSE},
    {535, "forked, a half-opened node away", STANDING_FORKED, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0, SYNC_ON},
    {0, "deaf, a half-opened node away", STANDING_STREAMING, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, FIT_WRONG, SYNC_ON},
    {0, "deaf, the record may be old", STANDING_STREAMING, PRIMARY_OPEN, LEADS | FLAG_RECALLED, FIT_WRONG, SYNC_ON},
    {534, "tied, the record may be old", STANDING_TIED, PRIMARY_OPEN, LEADS | FLAG_RECALLED | FLAG_UNCERTAIN, 0,
     SYNC_ON},
    {533, "forked, the record may be old", STANDING_FORKED, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0, SYNC_ON},
    {540, "adrift, async, a half-opened node away", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0,
     SYNC_NONE},
    {540, "the same, the mode is being left", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0, SYNC_LEFT},
    {533, "adrift, it waits, the record may be old", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0,
     SYNC_STUCK},
    {533, "the same before anybody waits in vain", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0, SYNC_ON},
    {533, "the same, it goes on alone", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0, SYNC_OFF},
    {533, "the same, others keep up", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0, SYNC_DUE},
    {533, "the same, it does not wait as recorded", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0,
     SYNC_LOOSE},
    {540, "adrift, async, the record may be old", STANDING_ADRIFT, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0, SYNC_NONE},
    {530, "open, the record may be old", STANDING_OPEN, PRIMARY_OPEN, LEADS | FLAG_RECALLED | FLAG_UNCERTAIN, 0,
     SYNC_ON},
    {0, "adrift, the record may be old, it is closed", STANDING_ADRIFT, PRIMARY_CLOSED,
     LEADS | FLAG_RECALLED | FLAG_UNCERTAIN, 0, SYNC_ON},
    {0, "forked, a job just failed", STANDING_FORKED, PRIMARY_OPEN, LEADS | FLAG_COOLING, 0, SYNC_NONE},
    {0, "forked, the primary closed", STANDING_FORKED, PRIMARY_CLOSED, LEADS, 0, SYNC_NONE},
    {0, "adrift, the primary dead", STANDING_ADRIFT, PRIMARY_DEAD, LEADS, 0, SYNC_NONE},
    {0, "adrift, the primary closed", STANDING_ADRIFT, PRIMARY_CLOSED, LEADS, 0, SYNC_NONE},
    {0, "open, the primary holds half a copy", STANDING_OPEN, PRIMARY_HALF, LEADS, 0, SYNC_NONE},
    {0, "adrift, nobody recorded", STANDING_ADRIFT, PRIMARY_NONE, LEADS, 0, SYNC_NONE},
    {0, "streams", STANDING_STREAMING, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "retries", STANDING_RETRYING, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "being rebuilt", STANDING_JOB, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "away", STANDING_AWAY, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
    {0, "the primary itself", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_NONE},
};

// The row of the open primary's reign, which somebody removed.
static const struct rows_example {
    int rule;
    const char *name;
    enum standing standing;
    enum primary_view view;
    unsigned flags;
    enum fit fit;
    enum sync_view sync;
    enum rows_view rows;
} rows_examples[] = {
    {514, "the row of its reign is gone", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_LOST},
    {514, "the same, it waits", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_ON, ROWS_LOST},
    {514, "the same, it goes on alone", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_OFF, ROWS_LOST},
    {514, "the same, others keep up", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_DUE, ROWS_LOST},
    {514, "the same, it does not wait as recorded", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_LOOSE, ROWS_LOST},
    {514, "the same, the mode is being left", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_LEFT, ROWS_LOST},
    {514, "the same, without plugins", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, FIT_ABSENT, SYNC_OFF, ROWS_LOST},
    {515, "the same, it waits in vain", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_STUCK, ROWS_LOST},
    {515, "the same, tried a moment ago", STANDING_PRIMARY, PRIMARY_OPEN, LEADS | FLAG_COOLING, 0, SYNC_NONE, ROWS_LOST},
    {515, "the same, the record may be old", STANDING_PRIMARY, PRIMARY_OPEN, LEADS | FLAG_RECALLED, 0, SYNC_NONE, ROWS_LOST},
    {515, "the same, a half-opened node away", STANDING_PRIMARY, PRIMARY_OPEN, LEADS | FLAG_UNCERTAIN, 0, SYNC_NONE, ROWS_LOST},
    {515, "the same, the primary is not open", STANDING_PRIMARY, PRIMARY_DEAD, LEADS, 0, SYNC_NONE, ROWS_LOST},
    {516, "gone there alone", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_ALONE},
    {517, "another cluster's row", STANDING_PRIMARY, PRIMARY_OPEN, LEADS | FLAG_COOLING, 0, SYNC_NONE, ROWS_OTHER},
    {518, "a locked table", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_UNREAD},
    {510, "gone, maintenance", STANDING_PRIMARY, PRIMARY_OPEN, LEADS | FLAG_MAINTENANCE, 0, SYNC_NONE, ROWS_LOST},
    {505, "gone, busy", STANDING_PRIMARY, PRIMARY_OPEN, LEADS | FLAG_BUSY, 0, SYNC_NONE, ROWS_LOST},
    {500, "gone, another leads", STANDING_PRIMARY, PRIMARY_OPEN, FLAG_SETTLED, 0, SYNC_NONE, ROWS_LOST},
    {0, "the row is there", STANDING_PRIMARY, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_KEPT},
    {0, "gone on the primary: no business of a replica", STANDING_STREAMING, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_LOST},
    {0, "gone there alone: neither", STANDING_STREAMING, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_ALONE},
    {0, "another cluster's row: neither", STANDING_STREAMING, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_OTHER},
    {0, "a locked table: neither", STANDING_STREAMING, PRIMARY_OPEN, LEADS, 0, SYNC_NONE, ROWS_UNREAD},
};

static void each_example_meets_its_rule(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct decision got = decide(&examples[i].at);
        if (got.rule != examples[i].rule) {
            fail_msg("row \"%s\": rule %d instead of %d", examples[i].name, got.rule, examples[i].rule);
        }
    }
    for (size_t i = 0; i < COUNT_OF(node_examples); i++) {
        const struct node_example *it = &node_examples[i];
        struct decision got = decide_fit(it->standing, it->fit, it->view, it->flags, it->sync);
        if (got.rule != it->rule) {
            fail_msg("row \"%s\": rule %d instead of %d", it->name, got.rule, it->rule);
        }
    }
    for (size_t i = 0; i < COUNT_OF(rows_examples); i++) {
        const struct rows_example *it = &rows_examples[i];
        struct decision got = decide_rows(it->standing, it->fit, it->view, it->flags, it->sync, it->rows);
        if (got.rule != it->rule) {
            fail_msg("row \"%s\": rule %d instead of %d", it->name, got.rule, it->rule);
        }
    }
}

static void every_rule_has_an_example(void **state) {
    (void)state;
    size_t count;
    const struct rule *rules = policy_cluster_rules(&count);
    for (size_t i = 0; i < count; i++) {
        size_t met = 0;
        for (size_t j = 0; j < COUNT_OF(examples); j++) {
            met += examples[j].rule == rules[i].id ? 1 : 0;
        }
        if (met == 0) {
            fail_msg("rule %d has no example", rules[i].id);
        }
    }
    rules = policy_node_rules(&count);
    for (size_t i = 0; i < count; i++) {
        size_t met = 0;
        for (size_t j = 0; j < COUNT_OF(node_examples); j++) {
            met += node_examples[j].rule == rules[i].id ? 1 : 0;
        }
        for (size_t j = 0; j < COUNT_OF(rows_examples); j++) {
            met += rows_examples[j].rule == rules[i].id ? 1 : 0;
        }
        if (met == 0) {
            fail_msg("rule %d has no example", rules[i].id);
        }
    }
}

static void no_match_stays(void **state) {
    (void)state;
    const struct situation waiting = {PRIMARY_OPEN, 0, 0, 0, FLAG_SETTLED, 0};
    const struct facts facts = {.view = waiting.view, .nodes = {{.standing = STANDING_STREAMING}}};
    for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
        assert_int_equal(policy_cluster(phase, &facts, waiting.flags).phase, phase);  // rule 100
        assert_int_equal(policy_cluster(phase, &facts, LEADS | FLAG_BUSY).phase, phase);
        assert_int_equal(policy_cluster(phase, &facts, LEADS).phase, PHASE_DEGRADED);  // never depends on the phase
        struct decision none = policy_node(phase, &facts, 0, LEADS);
        assert_int_equal(none.rule, 0);
        assert_int_equal(none.phase, phase);
        assert_int_equal(none.act, ACT_NONE);
    }
}

// What is told on a quiet day is what would be decided: by the same rows, from the same facts.
static void tells_what_a_death_would_bring(void **state) {
    (void)state;
    static const struct {
        enum witness witness;
        enum candidate candidate;
        unsigned flags;
        int rule;
    } rows[] = {
        {WITNESS_STREAMS, CANDIDATE_READY, LEADS, 210},
        {WITNESS_UNSURE, CANDIDATE_READY, LEADS, 210},
        {WITNESS_LOST, CANDIDATE_READY, LEADS | FLAG_BUSY | FLAG_COOLING | FLAG_YOUNG | FLAG_FAILBACK_DUE, 210},
        {WITNESS_STREAMS, CANDIDATE_READY, LEADS | FLAG_ASK_FORCE | FLAG_TARGET_FIT, 210},
        {WITNESS_NONE, CANDIDATE_READY, LEADS, 200},
        {WITNESS_STREAMS, CANDIDATE_BROKEN, LEADS, 206},
        {WITNESS_STREAMS, CANDIDATE_STALE, LEADS, 208},
        {WITNESS_STREAMS, CANDIDATE_READY, LEADS | FLAG_LIMIT, 194},
        {WITNESS_STREAMS, CANDIDATE_READY, LEADS | FLAG_MAINTENANCE, 129},
        {WITNESS_STREAMS, CANDIDATE_READY, LEADS | FLAG_UNCERTAIN, 193},
        {WITNESS_STREAMS, CANDIDATE_READY, FLAG_SETTLED, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct facts facts = {.view = PRIMARY_OPEN, .witness = rows[i].witness, .candidate = rows[i].candidate};
        struct decision decision = policy_if_dead(PHASE_NORMAL, &facts, rows[i].flags);
        if (decision.rule != rows[i].rule) {
            fail_msg("row %zu: rule %d instead of %d", i, decision.rule, rows[i].rule);
        }
        assert_true((decision.act == ACT_PROMOTE) == (rows[i].rule == 210));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_well_formed),     cmocka_unit_test(each_example_meets_its_rule),
        cmocka_unit_test(every_rule_has_an_example),      cmocka_unit_test(no_match_stays),
        cmocka_unit_test(tells_what_a_death_would_bring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
