#!/usr/bin/env python3
"""Takes away one safety rule at a time and demands that a unit test notices.

    make mutants        every mutant, a table of what killed it; fails if one survives
    ONLY='rule 128' make mutants        those in whose file and name these words are

A mutant is watcher/policy.c without one row, or with one column or flag of a row gone, or another pure file of the watcher
with one guard gone. It is compiled and linked in front of libpure.a, so that nothing but that file differs. A column may
only repeat what the order of the rows says already: such a mutant decides the same everywhere, which is computed
(policy_digest.c), not believed.
Called by build.mk with OUT, CC and CFLAGS in the environment. `--guards` only looks whether each guard is still there,
which is a matter of milliseconds and part of `make check`.
"""
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys

OUT, CC, CFLAGS = (os.environ.get(name, "") for name in ("OUT", "CC", "CFLAGS"))
CFLAGS = shlex.split(CFLAGS)
WHERE = f"{OUT}/mutants"
JOBS = int(os.environ.get("MUTANT_JOBS", "2"))
ONLY = os.environ.get("ONLY", "")
TIMEOUT_S = 240
POLICY = "watcher/policy.c"
TESTS = {
    POLICY: ["test_policy", "test_policy_sweep", "test_stories"],
    "watcher/assess.c": ["test_assess_rows", "test_assess", "test_assess_witness", "test_assess_candidates", "test_assess_nodes", "test_record", "test_stories"],
    "watcher/assess_memory.c": ["test_assess", "test_assess_witness", "test_assess_candidates", "test_assess_nodes", "test_assess_sync", "test_assess_vouch", "test_record", "test_stories"],
    "watcher/assess_node.c": ["test_assess", "test_assess_witness", "test_assess_candidates", "test_assess_nodes"],
    "watcher/assess_rows.c": ["test_assess_rows"],
    "watcher/assess_sync.c": ["test_assess_sync", "test_assess_vouch"],
    "common/node.c": ["test_assess", "test_assess_witness", "test_assess_candidates", "test_assess_nodes"],
    "watcher/flags.c": ["test_flags"],
    "watcher/lease.c": ["test_lease"],
}

# One guard each: what is there, and what is left without it.
GUARDS = {
    "watcher/assess.c": [
        # who may take over
        ("!it || !assess_up(view, node) || node == view->facts.primary ||", "!it || node == view->facts.primary ||"),
        ("!assess_up(view, node) || node == view->facts.primary || !it->read_only", "!assess_up(view, node) || !it->read_only"),
        ("node == view->facts.primary || !it->read_only || !it->gtid_on ||", "node == view->facts.primary || !it->gtid_on ||"),
        ("!it->read_only || !it->gtid_on ||", "!it->read_only ||"),
        ("assess_job_on(view, node) || it->offline_mode", "it->offline_mode"),
        ("it->half_rebuilt || gtid_empty(it->executed) ||", "it->half_rebuilt ||"),
        ("it->offline_mode || it->half_rebuilt ||", "it->half_rebuilt ||"),
        (" ||\n        text_equal(it->uuid, view->in->state->primary_uuid)) {", ") {"),
        ("view->memory->nodes[node].forked_ms || ", ""),
        ("    if (told && it->epoch < view->facts.reign_since && gtid_subset(it->received, it->executed)) {\n"
         "        return true;  // also one that was to be opened, and showed this only when it had applied what it received\n    }\n", ""),
        ("it->epoch < view->facts.reign_since && gtid_subset(it->received, it->executed)", "it->epoch < view->facts.reign_since"),
        ("text_equal(memory->reign_uuid, state->primary_uuid) &&\n                   (state", "(state"),
        ("(state->epoch == memory->reign_epoch || state->epoch == memory->reign_epoch + 1)", "true"),
        ("(state->epoch == memory->reign_epoch || state->epoch == memory->reign_epoch + 1)", "state->epoch == memory->reign_epoch"),
        ("if (told && it->epoch <", "if (it->epoch <"),
        ("bool told = it->relevo_known || it->rows_absent;", "bool told = it->relevo_known;"),
        # who holds others under the same numbers
        ("|| primary->read_only || !it->relevo_known ||", "|| !it->relevo_known ||"),
        ("!it->relevo_known || !primary->relevo_known)", "!it->relevo_known)"),
        ("if (primary->reigns == 0 || (it", "if ((it"),
        ("        memory->forked_ms = 0;  // or there are no rows: of an old record, or somebody emptied the table\n", ""),
        ("it->epoch < primary->epoch && it->rows_new &&", "it->epoch < primary->epoch &&"),
        ("view->memory->nodes[view->facts.primary].proven == primary->epoch &&\n", "\n"),
        ("primary->epoch &&\n                 gtid_subset(primary->executed, it->executed);", "primary->epoch;"),
        ("memory->forked_ms = view->in->now_ms - FORK_PATIENCE_MS;", ";"),
        ("it->epoch == primary->epoch && memory->forked_ms == 0", "false"),
        ("it->epoch == primary->epoch && memory->forked_ms == 0", "it->epoch == primary->epoch"),
        ("memory->forked_ms && view->in->now_ms - memory->forked_ms >= FORK_PATIENCE_MS", "memory->forked_ms"),
        ("it->half_rebuilt || gtid_empty(", "gtid_empty("),
        ("(assess_follows_primary(view, node) && (it->receiver", "((it->receiver"),
        ("(assess_follows_primary(view, node) && (it->receiver == THREAD_ON || it->receiver == THREAD_CONNECTING))",
         "assess_follows_primary(view, node)"),
        ("return node == view->in->intent ||\n", "return\n"),
        ("    if (node == view->in->intent) {\n        return false;\n    }\n", ""),
        ("return streamed_ms == 0 || primary_ok_ms - streamed_ms > STREAM_STALE_MS;",
         "return primary_ok_ms - streamed_ms > STREAM_STALE_MS;"),
        ("return streamed_ms == 0 || primary_ok_ms - streamed_ms > STREAM_STALE_MS;", "return streamed_ms == 0;"),
        ("        if (!gtid_subset(part, whole)) {\n            return false;\n        }\n", ""),
        ("|| !other || !assess_up(view, i) || assess_job_on(view, i) ||", "|| !other || assess_job_on(view, i) ||"),
        ("|| !other || !assess_up(view, i) || assess_job_on(view, i) ||", "|| !other || !assess_up(view, i) ||"),
        (" ||\n            view->facts.nodes[i].standing == STANDING_FORKED) {", ") {"),
        ("it->applier_errno ? CANDIDATE_BROKEN\n                               : ", ""),
        ("stale(view, i)  ? CANDIDATE_STALE\n                                                 : ", ""),
        ("        any = true;\n        if (!covers_all(view, i)) {\n            continue;\n        }\n", "        any = true;\n"),
        (": i == view->in->intent           ? 5\n", "\n"),
        (": view->in->differing & (1u << i) ? (preferred ? 2 : 1)\n", "\n"),
        # who testifies, and to what
        ("if (!it || !assess_up(view, node) || !assess_follows_primary(view, node)) {\n        return WITNESS_NONE;",
         "if (!it || !assess_follows_primary(view, node)) {\n        return WITNESS_NONE;"),
        ("if (!it || !assess_up(view, node) || !assess_follows_primary(view, node)) {\n        return WITNESS_NONE;",
         "if (!it || !assess_up(view, node)) {\n        return WITNESS_NONE;"),
        ("it->began_ms - memory->sign_ms <= HEARTBEAT_QUIET_MS", "it->at_ms - memory->sign_ms <= HEARTBEAT_QUIET_MS"),
        ("it->began_ms - memory->sign_ms <= HEARTBEAT_QUIET_MS", "view->in->now_ms - memory->sign_ms <= HEARTBEAT_QUIET_MS"),
        ("it->began_ms - memory->sign_ms <= HEARTBEAT_QUIET_MS", "false"),
        (" && it->began_ms - memory->sign_ms <= HEARTBEAT_QUIET_MS", ""),
        ("    if (view->in->now_ms - it->began_ms > ASKING_GAP_MS) {\n        return WITNESS_NONE;\n    }\n", ""),
        ("memory->streamed_ms && text_equal(memory->source_uuid", "text_equal(memory->source_uuid"),
        ("memory->streamed_ms && text_equal(memory->source_uuid, view->in->state->primary_uuid)", "memory->streamed_ms"),
        ("            if (receiver_error_is_loss(it->receiver_errno)) {\n                return WITNESS_LOST;\n            }\n", ""),
        ("return number == 2002 ||", "return number != 0 || number == 2002 ||"),
        ("return said[WITNESS_STREAMS]  ? WITNESS_STREAMS\n           : said[WITNESS_UNSURE] ? WITNESS_UNSURE",
         "return said[WITNESS_UNSURE] ? WITNESS_UNSURE"),
        (": said[WITNESS_UNSURE] ? WITNESS_UNSURE\n", "\n"),
        # how the primary is seen
        ("    if (!text_equal(it->uuid, view->in->state->primary_uuid)) {\n        return PRIMARY_IMPOSTOR;\n    }\n", ""),
        ("return !it->read_only     ? PRIMARY_OPEN", "return true     ? PRIMARY_OPEN"),
        ("           : it->half_rebuilt ? PRIMARY_HALF\n", ""),
        ("           : just_closed      ? PRIMARY_SHUT\n", ""),
        ("open_ms && view->in->now_ms - open_ms < SHUT_PATIENCE_MS", "open_ms"),
        ("view->memory->nodes[primary].closing_ms ? PRIMARY_CLOSING : PRIMARY_DEAD", "PRIMARY_CLOSING"),
        # who may begin
        ("if (answering < view->in->count) {", "if (answering == 0) {"),
        ("        if (!covers_all(view, i)) {\n            continue;\n        }\n        if (!assess_seen", "        if (!assess_seen"),
        ("if (!assess_seen(view, i)->half_rebuilt) {", "if (true) {"),
        # of which reigns they know
        ("it && assess_up(view, node) && it->row_state", "it && it->row_state"),
        (" && it->row_state == ROW_SETTLED &&\n", " &&\n"),
        ("it->row_state == ROW_SETTLED &&", "it->row_state != ROW_PENDING &&"),
        ("(it->relevo_known || it->rows_absent || gtid_empty(it->executed))", "true"),
        ("(it->relevo_known || it->rows_absent || gtid_empty(it->executed))", "(it->relevo_known || it->half_rebuilt || gtid_empty(it->executed))"),
        ("(it->relevo_known || it->rows_absent || gtid_empty(it->executed))", "it->relevo_known"),
        ("facts->all_told &= facts->nodes[i].told;", ""),
        # how the others stand
        ("    if (twin_of_another(view, node)) {\n        return STANDING_TWIN;\n    }\n", ""),
        ("    if (!it->read_only) {\n        return STANDING_OPEN;\n    }\n", ""),
        ("    if (assess_job_on(view, node)) {\n        return STANDING_JOB;\n    }\n", ""),
        ("    if (!it->super_read_only) {\n        return STANDING_LOOSE;\n    }\n", ""),
        ("if (!assess_follows_primary(view, node) || it->source_moved ||", "if (it->source_moved ||"),
        ("|| it->source_moved || it->applier_errno", "|| it->applier_errno"),
        ("|| it->applier_errno || it->applier == THREAD_OFF", "|| it->applier == THREAD_OFF"),
        ("|| it->applier_errno || it->applier == THREAD_OFF", "|| it->applier_errno"),
        ("it->receiver == THREAD_CONNECTING && patient ?", "it->receiver == THREAD_CONNECTING ?"),
        ("it->receiver == THREAD_CONNECTING && patient ?", "patient ?"),
        ("if (primary->began_ms >= it->at_ms) {", "if (true) {"),
        ("facts->settled &= facts->nodes[i].reach != REACH_UNSEEN;", ""),
    ],
    "watcher/assess_memory.c": [
        ("return outcome == PROBE_REFUSED || outcome == PROBE_GONE;",
         "return outcome == PROBE_REFUSED || outcome == PROBE_GONE || outcome == PROBE_TIMEOUT;"),
        ("return outcome == PROBE_REFUSED || outcome == PROBE_GONE;", "return outcome == PROBE_REFUSED;"),
        ("memory->heartbeats = UINT64_MAX;", "memory->heartbeats = 0;"),
        ("|| memory->sign_ms == 0;", ";"),
        ("began || seen_now->source_heartbeats != memory->heartbeats ||", "began ||"),
        ("||\n        received_count != memory->received_count) {", "|| false) {"),
        ("if (seen_now->receiving || began", "if (began"),
        ("        memory->answered_ms = observation->at_ms;\n        memory->hard_ms = 0;\n        memory->closing_ms = 0;\n"
         "        (void)text_copy", "        memory->answered_ms = observation->at_ms;\n        (void)text_copy"),
        ("        memory->closing_ms = 0;\n        (void)text_copy", "        (void)text_copy"),
        ("        memory->hard_ms = 0;\n        memory->closing_ms = 0;\n    } else if", "        memory->closing_ms = 0;\n    } else if"),
        ("        memory->closing_ms = 0;\n    } else if", "    } else if"),
        ("memory->hard_ms = memory->hard_ms ? memory->hard_ms : observation->at_ms;",
         "memory->hard_ms = observation->at_ms;"),
        ("        memory->closing_ms = observation->closing_ms ? observation->closing_ms : memory->closing_ms;\n", ""),
        ("bool silent = now_ms - heard_ms >= silent_ms;", "bool silent = now_ms - heard_ms > silent_ms;"),
        ("memory->answered_ms ? memory->answered_ms : memory->watched_ms;", "memory->answered_ms;"),
        ("    if (memory->hard_ms) {\n        return REACH_DEAD;\n    }\n", ""),
        ("    if (silent && asked(memory, now_ms, silent_ms)) {\n        return REACH_SILENT;\n    }\n", ""),
        ("if (silent && asked(memory, now_ms, silent_ms)) {", "if (silent) {"),
        ("if (!silent && observation->outcome == PROBE_OK) {", "if (observation->outcome == PROBE_OK) {"),
        ("if (!silent && observation_alive(observation)) {", "if (observation_alive(observation)) {"),
        ("return now_ms - memory->asked_ms >= silent_ms && ", "return "),
        (" && now_ms - memory->told_ms <= ASKING_GAP_MS", ""),
        ("if (gap || came_late(observation)) {", "if (gap) {"),
        ("if (gap || came_late(observation)) {", "if (came_late(observation)) {"),
        ("outcome_is_hard(observation->outcome) && !came_late(observation)", "outcome_is_hard(observation->outcome)"),
        ("return memory->answered_ms ? REACH_MISSED : REACH_UNSEEN;", "return REACH_MISSED;"),
        ("it && it->outcome == PROBE_OK && it->relevo_known &&", "it && it->relevo_known &&"),
        ("it->outcome == PROBE_OK && it->relevo_known &&", "it->outcome == PROBE_OK &&"),
        ("it->epoch > state->epoch && !strange", "it->epoch >= state->epoch && !strange"),
        ("it->epoch > state->epoch && !strange", "it->epoch > state->epoch"),
        ("it->relevo_known && *it->epoch_uuid;", "it->relevo_known;"),
        ("tells_a_reign(it) && !it->read_only && text_equal(it->uuid", "tells_a_reign(it) && text_equal(it->uuid"),
        ("if (*memory->nodes[i].uuid == '\\0' || text_equal(", "if (text_equal("),
        ("node->seen_ms <= 0 || node->seen_ms > now_wall_ms", "node->seen_ms <= 0"),
        ("if (it->ok_ms == 0) {", "if (true) {"),
        ("if (it->streamed_ms == 0 && node->streamed_ms > 0", "if (node->streamed_ms > 0"),
        ("same &&\n            !assess_record_is_old(state, now_wall_ms)", "same"),
        ("(state->updated_ms > now_wall_ms ||\n                                now_wall_ms", "(now_wall_ms"),
        ("node->streamed_ms <= now_wall_ms &&\n            text_equal(node->source, state->primary)",
         "node->streamed_ms <= now_wall_ms"),
    ],
    "watcher/assess_node.c": [
        ("return gtid_union(it->executed, it->received);", "return gtid_union(it->executed, it->executed);"),
        ("    if (*it->source_uuid) {\n        return text_equal(it->source_uuid, primary_uuid);\n    }\n", ""),
    ],
    "common/node.c": [
        ("        case PROBE_OVERLOADED:\n", ""),
        ("        case PROBE_DENIED:\n", ""),
    ],
    "watcher/assess_sync.c": [
        ("it->boot_s == 0 || it->boot_s != memory->boot_s ||", "it->boot_s == 0 ||"),
        ("|| gtid_count(it->received) < memory->vouch_received ||", "||"),
        ("!assess_follows_primary(view, node) || !it->read_only", "!it->read_only"),
        ("|| !it->read_only || assess_job_on(view, node);", "|| assess_job_on(view, node);"),
        ("|| !it->read_only || assess_job_on(view, node);", "|| !it->read_only;"),
        ("memory->vouch_epoch = lost ? 0 : memory->vouch_epoch;", ""),
        ("lost || !facts->acknowledges ? 0", "!facts->acknowledges ? 0"),
        ("primary->began_ms >= memory->acks_ms &&", "true &&"),
        ("        primary->began_ms >= view->in->sync_ms) {", "        true) {"),
        ("        if (gtid_subset(primary->executed, whole)) {", "        if (whole) {"),
        ("state->sync_epoch == state->epoch;", "state->sync_epoch > 0;"),
        ("if (!recorded(view) || view->memory->loose_ms > view->in->sync_ms) {", "if (!recorded(view)) {"),
        ("if (!recorded(view) || view->memory->loose_ms > view->in->sync_ms) {",
         "if (view->memory->loose_ms > view->in->sync_ms) {"),
        ("view->facts.nodes[node].vouches && view->facts.vouching >= view->facts.quorum;", "view->facts.nodes[node].vouches;"),
        ("view->facts.nodes[node].vouches && view->facts.vouching >= view->facts.quorum;", "view->facts.vouching >= view->facts.quorum;"),
        ("facts->quorum = view->in->count - view->in->acks;", "facts->quorum = view->in->count - 1;"),
        ("facts->quorum = view->in->count - view->in->acks;", "facts->quorum = view->in->count - view->in->acks - 1;"),
        ("facts->quorum = view->in->count - view->in->acks;", "facts->quorum = view->in->count - view->in->acks + 1;"),
        ("bool strict = primary->semisync.source_strict &&", "bool strict ="),
        ("recorded(view) && since && let_through ?", "let_through ?"),
        (" && (!told || primary->epoch_sync);", ";"),
        ("bool told = primary->relevo_known && primary->epoch == view->in->state->epoch;", "bool told = primary->relevo_known;"),
        ("bool let_through = memory->unacked_known &&", "bool let_through ="),
        ("    memory->unacked_known &= same_life;\n", ""),
        ("    memory->unacked_known |= since;\n", "    memory->unacked_known = true;\n"),
        ("if (recorded(view) && since && (!strict || let_through)) {", "if (recorded(view) && since && !strict) {"),
        ("if (recorded(view) && since && (!strict || let_through)) {", "if (recorded(view) && (!strict || let_through)) {"),
        ("> ACK_PATIENCE_MS);", "> 0);"),
        ("    bool stuck = in_vain || (", "    bool stuck = ("),
        ("!it->source_on || it->waiting == 0 || it->acked", "!it->source_on || it->acked"),
        ("it->waiting == 0 || it->acked != memory->acked || !same_life", "it->waiting == 0 || !same_life"),
        ("it->acked != memory->acked || !same_life;", "it->acked != memory->acked;"),
        ("(primary->semisync.source_on &&\n", "(view->in->now_ms < 0 &&\n"),
        ("view->memory->enough_acks_ms = 0;  // patience", ";  // patience"),
        ("node->lag_ms < LEVEL_MS", "true"),
        ("!it->read_only || !it->super_read_only || assess_job_on(view, node)) {", "!it->read_only || assess_job_on(view, node)) {"),
        ("!it->read_only || !it->super_read_only || assess_job_on(view, node)) {",
         "!it->super_read_only || assess_job_on(view, node)) {"),
        ("!it->read_only || !it->super_read_only || assess_job_on(view, node)) {", "!it->read_only || !it->super_read_only) {"),
    ],
    "watcher/assess_rows.c": [
        ("!primary->relevo_known && !primary->rows_absent", "!primary->relevo_known"),
        ("    if (primary->epoch > state->epoch) {\n        return ROWS_NONE;", "    if (false) {\n        return ROWS_NONE;"),
        ("newest && *primary->epoch_uuid && !text_equal(", "*primary->epoch_uuid && !text_equal("),
        ("newest && !primary->beat_absent ? ROWS_KEPT", "newest ? ROWS_KEPT"),
        ("!assess_follows_primary(view, i) ||\n", "\n"),
        ("!it->rows_new || !it->relevo_known ||", "!it->relevo_known ||"),
        ("!it->relevo_known || it->epoch != view->in->state->epoch)", "!it->relevo_known)"),
        ("it->heartbeat_ms > view->memory->rows_wall_ms || gtid_subset(", "gtid_subset("),
        ("it->heartbeat_ms > view->memory->rows_wall_ms ||", "it->heartbeat_ms > 0 ||"),
        (" || gtid_subset(primary->executed, it->executed)) {", ") {"),
        ("view->facts.view == PRIMARY_OPEN ? assess_seen", "view->facts.primary >= 0 ? assess_seen"),
        ("if (!it || view->in->state->epoch == 0) {", "if (!it) {"),
        ("        memory->rows = ROWS_NONE;\n", ""),
        ("if (it->rows_new || unread) {", "if (true) {"),
        ("after && memory->rows == ROWS_LOST && alone(view, it)", "memory->rows == ROWS_LOST && alone(view, it)"),
        ("view->facts.rows = !surely", "view->facts.rows = false"),
        ("memory->rows_alone |= after", "memory->rows_alone = after"),
    ],
    "watcher/flags.c": [
        ("return count >= watcher->settings->failover_limit && newest_ms", "return newest_ms"),
        (" && newest_ms - oldest_ms < watcher->settings->failover_limit_ms;", ";"),
        # the way back to the preferred node
        ("!watcher->settings->failback_auto || node < 0", "node < 0"),
        ("node < 0 || node == primary || primary < 0", "node < 0 || primary < 0"),
        ("it->epoch_rule != RULE_ASKED_SWITCHOVER && ", ""),
        ("watcher->facts.nodes[node].steady_ms >= STEADY_MS &&\n", "\n"),
        ("watcher->facts.nodes[node].diverged == 0 && ", ""),
        (" && !watcher->facts.nodes[node].doubted;", ";"),
        # the rest after a failure
        ("!(gone && watcher->cooling_of == ACT_SWITCHOVER)", "true"),
        ("!(gone && watcher->cooling_of == ACT_SWITCHOVER)", "!gone"),
        ("!(gone && watcher->cooling_of == ACT_SWITCHOVER)", "watcher->cooling_of != ACT_SWITCHOVER"),
        ("view == PRIMARY_DEAD || view == PRIMARY_CLOSING || view == PRIMARY_SILENT", "view == PRIMARY_CLOSING || view == PRIMARY_SILENT"),
        ("view == PRIMARY_DEAD || view == PRIMARY_CLOSING || view == PRIMARY_SILENT", "view == PRIMARY_DEAD || view == PRIMARY_SILENT"),
        ("view == PRIMARY_DEAD || view == PRIMARY_CLOSING || view == PRIMARY_SILENT", "view == PRIMARY_DEAD || view == PRIMARY_CLOSING"),
        # what was seen before we acted
        ("!it || it->outcome != PROBE_OK || it->kicks >= watcher->acted_kicks[node]", "true"),
        ("actor_idle(watcher->actor) && all_seen_since_acted(watcher)", "all_seen_since_acted(watcher)"),
        ("known && facts->settled ?", "facts->settled ?"),
        ("known && facts->settled ?", "known ?"),
        ("!facts->nodes[watcher->intent_target].told", "facts->nodes[watcher->intent_target].reach != REACH_UP"),
        # an opening that was left half-way
        ("unfinished && !watcher->intent_harmless && ", "!watcher->intent_harmless && unfinished && false && "),
        ("!watcher->intent_harmless && watcher->intent_target", "watcher->intent_target"),
        ("watcher->intent_target != facts->primary &&\n", "\n"),
        ("unfinished && watcher->intent_act == ACT_PROMOTE && watcher->intent_target", "unfinished && watcher->intent_target"),
        ("ACT_PROMOTE && watcher->intent_target == facts->primary &&", "ACT_PROMOTE &&"),
        ("watcher->intent_old >= 0 && facts->open_others", "facts->open_others"),
        ("facts->open_others == 1 && facts->open_node == watcher->intent_old", "facts->open_node == watcher->intent_old"),
        ("facts->open_others == 1 && facts->open_node == watcher->intent_old", "facts->open_others == 1"),
        # whom a person may insist on
        ("bool answers = target && target->outcome == PROBE_OK;", "bool answers = target;"),
        ("answers && (!gtid_empty(target->executed) || !target->gtid_on)", "answers"),
        ("holds_data && !target->half_rebuilt &&", "holds_data &&"),
        ("others_closed && left_alone &&", "left_alone &&"),
        ("others_closed && left_alone &&", "others_closed &&"),
        (" && facts->nodes[asked].reach == REACH_UP;", ";"),
        ("(facts->open_others == 1 && facts->open_node == asked)", "facts->open_node == asked"),
        # whom a switchover may go to
        ("asked >= 0 && facts->nodes[asked].standing == STANDING_STREAMING &&", "asked >= 0 &&"),
        ("!facts->nodes[asked].doubted && facts->nodes[asked].lag_ms", "facts->nodes[asked].lag_ms"),
        (" && facts->nodes[asked].lag_ms < SWITCHOVER_LAG_MS\n", "\n"),
    ],
    "watcher/lease.c": [
        ("- LEASE_MARGIN_MS", ""),
        ("ours ? asked_ms + LEASE_TTL_MS - LEASE_MARGIN_MS : 0", "ours ? asked_ms + LEASE_TTL_MS - LEASE_MARGIN_MS : lease->held_until_ms"),
        ("    if (word->rival) {\n        lease->rival_seen_ms = asked_ms;\n    }\n", ""),
        ("if (word->rival) {", "if (!ours) {"),
        # taken from another one
        ("lease->rival_seen_ms == 0 || (word", "(word"),
        ("(word->handed_over && !anew)", "false"),
        ("(word->handed_over && !anew)", "word->handed_over"),
        ("word->renewals != 0 && word->renewals == lease->renewals;", "word->renewals == lease->renewals;"),
        ("word->renewals != 0 && word->renewals == lease->renewals;", "word->renewals != 0;"),
        ("(not_renewed_since ? lease->renewed_ms : now_ms)", "now_ms"),
        ("(not_renewed_since ? lease->renewed_ms : now_ms)", "(not_renewed_since ? lease->renewed_ms : asked_ms)"),
        ("    lease->renewals = anew ? 0 : lease->renewals;  // it may have lost the last of them, or begun again\n", ""),
        ("    if (ours && !kept) {", "    if (ours) {"),
        ("        lease->renewed_ms = now_ms;\n", "        lease->renewed_ms = lease->renewed_ms ? lease->renewed_ms : now_ms;\n"),
        ("        lease->renewed_ms = now_ms;\n", "        lease->renewed_ms = asked_ms;\n"),
        ("return lease_leads(lease, now_ms) && (lease->rival_seen_ms == 0", "return (lease->rival_seen_ms == 0"),
        ("lease_leads(lease, now_ms) && (lease->rival_seen_ms == 0 || now_ms + for_ms <= lease->held_until_ms)",
         "lease_leads(lease, now_ms)"),
        ("lease->answered_ms - lease->rival_seen_ms > LEASE_RIVAL_MS", "now_ms - lease->rival_seen_ms > LEASE_RIVAL_MS"),
        ("    lease->held_until_ms = 0;\n", ""),
        ("    lease->rival_seen_ms = now_ms;", ""),
        ("return redis_away && alone;", "return alone;"),
        ("return redis_away && alone;", "return redis_away;"),
    ],
}


def rows_of(text):
    """Each row of the tables, with its number."""
    return [(m.group(1), m.group(0)) for m in re.finditer(r"^    \{\.id = (\d+),.*?\},\n", text, re.M | re.S)]


def policy_mutants(text):
    for number, row in rows_of(text):
        yield f"rule {number}", text.replace(row, "")
        for column in re.finditer(r",\s*\.(yes|no|view|witness|candidate|election|sync|standing|fit|rows) = ([^,}]+)", row):
            name, value = column.group(1), column.group(2)
            yield f"rule {number} without {name}", text.replace(row, row.replace(column.group(0), ""))
            values = [v.strip() for v in value.split("|")]
            for gone in values if len(values) > 1 else []:
                fewer = column.group(0).replace(value, " | ".join(v for v in values if v != gone))
                yield f"rule {number}, {name} less {gone}", text.replace(row, row.replace(column.group(0), fewer))


def mutants():
    with open(POLICY, encoding="utf-8") as source:
        for name, text in policy_mutants(source.read()):
            yield POLICY, name, text
    for path, guards in GUARDS.items():
        with open(path, encoding="utf-8") as source:
            text = source.read()
        for old, new in guards:
            if text.count(old) != 1:
                sys.exit(f"{path}: this guard is there {text.count(old)} times, not once; has it moved?\n{old}")
            yield path, " ".join(old.split())[:70] + " → " + (" ".join(new.split())[:50] or "gone"), text.replace(old, new)


def run(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def killer_of(number, path, text):
    """The test that fails, None if all pass."""
    place = f"{WHERE}/{number}"
    os.makedirs(place, exist_ok=True)
    mutant = f"{place}/{os.path.basename(path)}"
    with open(mutant, "w", encoding="utf-8") as out:
        out.write(text)
    made = run([CC, *CFLAGS, f"-iquote{os.path.dirname(path)}", "-O1", "-w", "-c", "-o", f"{place}/mutant.o", mutant])
    if made.returncode:
        sys.exit(f"a mutant of {path} does not compile:\n{made.stderr}")
    for test in TESTS[path]:
        binary = f"{place}/{test}"
        linked = run([CC, *CFLAGS, "-o", binary, f"{WHERE}/{test}.o", f"{place}/mutant.o", f"{OUT}/libpure.a", "-lcmocka",
                      "-ljansson", "-lz"])
        if linked.returncode:
            sys.exit(f"{test} does not link:\n{linked.stderr}")
        try:
            tested = run([binary])
        except subprocess.TimeoutExpired:
            return f"{test}: no end"
        if tested.returncode:
            failed = re.search(r"\[  FAILED  \] (\w+)", tested.stderr + tested.stdout)
            return f"{test}: {failed.group(1) if failed else 'ended by a signal'}"
    if path == POLICY and digest(f"{place}/mutant.o", f"{place}/digest") == digest(None, f"{place}/original"):
        return "decides the same in every situation"
    return None


def digest(mutant, binary):
    """What the policy decides everywhere, as one number."""
    linked = run([CC, *CFLAGS, "-o", binary, f"{WHERE}/policy_digest.o", *([mutant] if mutant else []), f"{OUT}/libpure.a",
                  "-ljansson", "-lz"])
    if linked.returncode:
        sys.exit(f"policy_digest does not link:\n{linked.stderr}")
    return run([binary]).stdout


def main():
    if sys.argv[1:] == ["--guards"]:
        print(f"mutants: {len(list(mutants()))} guards and columns are where they were")
        return 0
    os.makedirs(WHERE, exist_ok=True)
    for test in sorted({test for tests in TESTS.values() for test in tests}):
        subprocess.run([CC, *CFLAGS, "-c", "-o", f"{WHERE}/{test}.o", f"tests/unit/{test}.c"], check=True)
    subprocess.run([CC, *CFLAGS, "-c", "-o", f"{WHERE}/policy_digest.o", "tests/policy_digest.c"], check=True)
    every = [it for it in mutants() if ONLY in f"{it[0]} {it[1]}"]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        killers = list(pool.map(lambda it: killer_of(it[0], it[1][0], it[1][2]), enumerate(every)))
    for (path, name, _), killer in zip(every, killers):
        print(f"{path:26} {name:125} {killer or 'SURVIVES'}")
    alive = killers.count(None)
    same = len([killer for killer in killers if killer and killer.startswith("decides")])
    print(f"{len(every)} mutants: {len(every) - same - alive} noticed, {same} decide the same, {alive} survive")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
