#!/usr/bin/env python3
"""Takes away one precondition of the actions at a time and demands that the simulation notices.

    make -f build.mk act-mutants                every mutant, a table of what killed it; fails if one survives
    ONLY=old_is_away make -f build.mk act-mutants       those whose name holds this word

What mutate_rules.py is for the pure files, for the files that act on the nodes: the simulation is linked with the
mutant in the place of the file. It is noticed by a golden story that goes another way, or by a promise that some history breaks.
A mutant that survives the SEEDS histories is not proven harmless: it needs a story of its own. What is said within a
statement is not mutated here: check_contract.py misses each word of it.
Called by build.mk with OUT, CC, CFLAGS, LIBS and SIM_OBJECTS in the environment. `--guards` only looks whether each guard
is still there, which is a matter of milliseconds and part of `make check`.
"""
import os
import re
import shlex
import subprocess
import sys

OUT, CC, CFLAGS, LIBS, SIM_OBJECTS = (os.environ.get(name, "") for name in ("OUT", "CC", "CFLAGS", "LIBS", "SIM_OBJECTS"))
WHERE = f"{OUT}/act-mutants"
SEEDS = os.environ.get("SEEDS", "6000")
ONLY = os.environ.get("ONLY", "")

# One guard each: its name, what is there, and what is left without it.
GUARDS = {
    "watcher/act.c": [
        ("an opening that Redis did not record, lossless", "if (!written && (!lossless || request->unrecorded)) {", "if (!written) {"),
        ("an opening is recorded", "    if (!opens) {\n", "    if (true) {\n"),
        ("a reign begun anew is recorded as one that does not wait", "lossless && alone ? 2 : 1", "1"),
    ],
    "watcher/act_open.c": [
        ("reopened with less than it had", "(request->act != ACT_REOPEN || lost_nothing(context, request, session, err))", "true"),
        ("opened beside another", " && step_others_closed(context, request->target, -1, err) &&", " &&"),
        ("opened before what it received is applied", "           step_drain(context, request->target, session, outcome) &&\n", ""),
        ("what was begun goes on beside one that refuses us", "return step_old_is_away(context, request, err) && step_others_closed(context, request->target, -1", "return step_others_closed(context, request->target, -1"),
        ("opened while it waits for replicas", "step_go_alone(context, request, session, &outcome->err)", "true"),
        ("commits that wait are told", "lossless ? step_fence_waiting(", "false ? step_fence_waiting("),
        ("fenced by name, whoever answers", "step_open(context, request->target, request->target_uuid, &session, &outcome->err) &&\n"
         "                  (lossless", "step_open(context, request->target, NULL, &session, &outcome->err) &&\n                  (lossless"),
    ],
    "watcher/act_promote.c": [
        ("promoted under a job that was given up and may go on", "(!request->job_left || step_nobody_rebuilds(session, err)) &&\n                 ", ""),
        ("other receivers are stopped", "    stop_other_receivers(context, request, &others);\n", ""),
        ("one that is to vouch is stopped anew", "(off && request->quorum == 0)", "off"),
        ("receivers are started again", "        restart_receivers(context, request, &others, &session);\n        return;", "        return;"),
        ("vouchers are asked again", "(request->quorum == 0 || step_ask_vouchers(context, request, session, others.stopped, err))", "true"),
        ("drained before it opens", "step_timed(outcome, \"drain\", &since_ms, drained(context, session, request, outcome))", "true"),
        ("a source that shuts down may finish", "step_timed(outcome, \"settle\", &since_ms, step_settle(session, err))", "true"),
        ("the receiver is stopped", "step_stop_receiver(context, request->target, request->target_uuid, &session, &busy, err)) &&\n"
         "                 (request->quorum", "true) &&\n                 (request->quorum"),
        ("goes on alone", "step_go_alone(context, request, session, err);", "true;"),
        ("what a forced one still applies ends before it opens", "bool source_later = !request->forced;", "bool source_later = true;"),
        ("... though the receiver hangs", "bool source_later = !request->forced;", "bool source_later = busy || !request->forced;"),
        ("old_is_away", "    return step_old_is_away(context, request, err) && step_others_closed(context, request->target, request->old, err);",
         "    return step_others_closed(context, request->target, request->old, err);"),
        ("opened beside another", " && step_others_closed(context, request->target, request->old, err);", ";"),
        ("a broken applier ends it", "    if (!request->forced || !db_alive(session)) {\n        return false;\n    }\n", ""),
        ("repoints an open one", "!other->read_only ||\n            other->receiver", "\n            other->receiver"),
        ("repoints half a copy", "other->offline_mode || !gtid_subset", "!gtid_subset"),
        ("repoints one that diverged", "other->offline_mode || !gtid_subset(other->executed, all)", "other->offline_mode"),
    ],
    "watcher/act_locks.c": [
        ("licensed before the last look", "while (step_license(session, &outcome->err) && may(context, request, session, &outcome->err)) {",
         "while (may(context, request, session, &outcome->err) && step_license(session, &outcome->err)) {"),
        ("who holds up a promotion is ended", "        end_all(session, rows, outcome->ended, sizeof outcome->ended);", ""),
    ],
    "watcher/act_switchover.c": [
        ("preflight: streams", "    if (!text_equal(db_cell(rows, 0, 0, NULL), \"ON\") || !text_equal(db_cell(rows, 0, 2, NULL), \"ON\")) {", "    if (false) {"),
        ("preflight: from the old primary", "    if (!text_equal(db_cell(rows, 0, 1, NULL), old_uuid)) {", "    if (!old_uuid) {"),
        ("preflight: closed", "text_equal(db_cell(rows, 0, 3, NULL), \"1\") ||", "true ||"),
        ("preflight", "!preflight(target, request->old_uuid, &outcome->err) ||", "(false && !preflight(target, request->old_uuid, &outcome->err)) ||"),
        ("others closed, before", "        !step_others_closed(context, request->target, request->old, &outcome->err) ||\n        !step_open", "        !step_open"),
        ("others closed, after", "        !step_others_closed(context, request->target, request->old, &outcome->err) ||\n        !stayed_closed", "        !stayed_closed"),
        ("the old one stayed closed", "!stayed_closed(old, context->settings->nodes[request->old].name, &outcome->err)",
         "(false && !stayed_closed(old, context->settings->nodes[request->old].name, &outcome->err))"),
        ("the target has all", "!caught_up(target, gtids ? gtids : \"\", &outcome->err) ||", ""),
        ("undone after a fence that failed", "        undo(context, request, old, outcome);  // read_only", "        // read_only"),
        ("undone", "        if (outcome->reign == REIGN_NOT_BEGUN) {", "        if (false) {"),
        ("not undone after the epoch row", "        if (outcome->reign == REIGN_NOT_BEGUN) {", "        if (true) {"),
        ("goes on alone", "        !step_go_alone(context, request, target, &outcome->err) ||\n", ""),
        ("the fence", "    if (!step_fence(context, request->old, request->old_uuid, request->old_epoch, old, &outcome->err)) {", "    if (false) {"),
        ("half a copy follows", " || other->offline_mode) {", ") {"),
    ],
    "watcher/act_reign.c": [
        ("a row that was refused", "    if (db_affected(session) == 1) {", "    if (true) {"),
        ("a licence that ran out is no newer reign", "    if (licence_ran_out(session)) {", "    if (false) {"),
        ("takes over from a reign that it does not know of", "    return takes_over ? request->since : 0;", "    return takes_over ? 0 : 0;"),
        ("still leads", "    return lease_lasts(&lease, clock_mono_ms(), LICENCE_MS) ||\n", "    return true ||\n"),
        ("it was let in, says the node", "           (text_equal(closed, \"0\") || err_set(err, ERR_FAILED, 0, \"it took too long to be allowed\"));", "           true;"),
        ("still leads, before the row", "if (still_leads(context, err) && db_exec(", "if (db_exec("),
        ("still leads, before the opening", "still_leads(context, err) &&\n           let_in(session, err);\n}\n\nenum reign", "\n           let_in(session, err);\n}\n\nenum reign"),
        ("the old primary is away, before the opening", "step_old_is_away(context, request, err) && still_leads(context, err) &&\n", "still_leads(context, err) &&\n"),
        ("a licence of its own for the opening", "           step_license(session, err) && step_old_is_away(context, request, err) && still_leads",
         "           step_old_is_away(context, request, err) && still_leads"),
        ("an answer that was lost", ": db_error_is_loss(err)                      ? REIGN_UNCERTAIN\n", "\n"),
        ("what failed is closed again", "    if (err->kind != ERR_CONFLICT) {", "    if (false) {"),
        ("the newer reign is not closed", "    if (err->kind != ERR_CONFLICT) {", "    if (true) {"),
        ("the old reign goes on", "((uint64_t)newest == epoch && text_equal(db_cell(rows, 0, 1, NULL), \"0\")) ||", "true ||"),
        ("the old reign goes on: newest", "((uint64_t)newest == epoch && text_equal(", "(text_equal("),
        ("the old reign goes on: follows nobody", "((uint64_t)newest == epoch && text_equal(db_cell(rows, 0, 1, NULL), \"0\"))", "((uint64_t)newest == epoch)"),
        ("still leads, before it lets in again", "step_license(session, err) && still_leads(context, err) && reign_goes_on", "step_license(session, err) && reign_goes_on"),
    ],
    "watcher/act_sync.c": [
        ("off is recorded before it waits", "    if (!step_record_sync(context, 0, err) ||\n        !step_open", "    if (!step_open"),
        ("it reigns, before it waits", "        !reigns(session, request->epoch, err) || !mark_row(session, request->epoch, err)) {",
         "        !mark_row(session, request->epoch, err)) {"),
        ("proven by a commit", " || !barrier(session, request->epoch, err)) {", ") {"),
        ("the proof took part in it", "((status && text_equal(status, \"ON\")) ||", "(true ||"),
        ("let go beside a rival that cannot be asked", "    if (request->rival_unheard) {", "    if (false) {"),
        ("off is recorded before it stops to wait",
         "        !reigns(session, request->epoch, err) || !step_record_sync(context, 0, err)) {",
         "        !reigns(session, request->epoch, err)) {"),
        ("it reigns, before it stops to wait", "        !reigns(session, request->epoch, err) || !step_record_sync(context, 0, err)) {",
         "        !step_record_sync(context, 0, err)) {"),
        ("what was seen before a freeze at the licence", "    if (now_ms - began_ms > ROUND_TRIP_MS) {", "    if (false) {"),
        ("the lease outlasts the licence", "lease_ms == 0 || now_ms + LICENCE_MS <= lease_ms ||", "true || lease_ms ||"),
        ("it was let through, says the node", "           (text_equal(still, \"0\") || err_set(err, ERR_TIMEOUT, 0, \"it took too long to be allowed\"));", "           true;"),
        ("cut off before they are let through", "(step_end_sessions(context, node, uuid, err) && let_through(second, err))", "let_through(second, err)"),
        ("a newer reign is not fenced, waiting commits", "license(second, 0, err) && step_no_newer_reign(second, request->old_epoch, err) &&\n", "license(second, 0, err) &&\n"),
        ("the fence took hold", " && fence_took_hold(second, db_connection_id(session), &pending, err) &&\n", " &&\n"),
        ("who restarted does not vouch", "request->boots[node] == 0 || found_s != request->boots[node] || !executed || !received ||\n"
         "        gtid_count(received) < request->received[node]) {", "!executed || !received) {"),
        ("a voucher that holds more", "        if (part && !gtid_subset(part, whole)) {", "        if (false) {"),
        ("a relay log that was thrown away", " ||\n        gtid_count(received) < request->received[node]) {", ") {"),
        ("enough vouch", "    return asked >= request->quorum ||\n", "    return true ||\n"),
        ("a voucher that was not stopped", "!stopped[i] || request->boots[i] == 0", "request->boots[i] == 0"),
    ],
    "watcher/act_steps.c": [
        ("only a closed one is let through", "(text_equal(closed, \"1\") ||", "(true ||"),
        ("a newer reign is not fenced", "        if (!step_no_newer_reign(session, epoch, err)) {", "        if (false && epoch) {"),
        ("only what is closed is closed fully", "IF(@@GLOBAL.read_only, 1, @@GLOBAL.super_read_only)", "ON"),
        ("sessions in the way are ended", "        if (!step_end_sessions(context, node, uuid, err)) {", "        if (false && uuid) {"),
        ("events are off", "    return db_exec(session, STATEMENT_MS, \"SET GLOBAL event_scheduler = OFF\", err);\n}\n\nbool step_stay", "    return true;\n}\n\nbool step_stay"),
        ("only one that is connecting may be left", "    if (db_rows_count(rows) == 1 && connecting) {", "    if (db_rows_count(rows) == 1) {"),
        ("a transaction that is half received", "(text_equal(now, last) && !receiving)", "text_equal(now, last)"),
        ("a broken applier", "        if (now.error_number) {", "        if (now.error_number && false) {"),
        ("what is left to apply", "        if (!now.configured || now.left == 0) {", "        if (true) {"),
        ("caught up", "    return text_equal(db_cell(rows, 0, 0, NULL), \"0\") ||\n           err_set(err, ERR_TIMEOUT", "    return true ||\n           err_set(err, ERR_TIMEOUT"),
        ("who refuses us lives", "    if (refuses_us && !step_shut_to_all(context, request->old)) {", "    if (false) {"),
        ("one that refuses us may be closed", "    if (refuses_us && !step_shut_to_all(context, request->old)) {", "    if (refuses_us) {"),
        ("who answers lives, when a promotion goes on", "request->act == ACT_REOPEN || text_equal(newest->uuid", "text_equal(newest->uuid"),
        ("who answers lives", "    return !open || err_set(", "    return true || err_set("),
        ("what was seen before a freeze", "    if (newest && clock_mono_ms() - newest->began_ms > asked_within_ms(context->settings)) {", "    if (false) {"),
        ("what was asked before a freeze", "clock_mono_ms() - newest->began_ms >", "clock_mono_ms() - newest->at_ms >"),
        ("a promotion that was cut off goes on as one", "    if (request->told_as != ACT_PROMOTE ||", "    if (request->act != ACT_PROMOTE ||"),
        ("others closed", "i != target && i != old && other && other->outcome == PROBE_OK && !other->read_only", "false && old && target"),
    ],
    "watcher/sessions.c": [
        ("another server", "    if (uuid && *uuid && !text_equal(uuid, found)) {", "    if (false && uuid) {"),
    ],
    "watcher/judge.c": [
        ("a person says that no rival reigns", "    watcher->recalled = false;\n", ""),
    ],
    "watcher/watcher.c": [
        ("a record that may be old, in the next life", "watcher->recalled = watcher->state.recalled || (older", "watcher->recalled = (older"),
        ("what an older action did is not the newest", "if (outcome.reign >= REIGN_BEGUN && newest) {", "if (outcome.reign >= REIGN_BEGUN) {"),
        ("no command before the record is read", "    bool listens = !watcher->leads || watcher->record_read;", "    bool listens = true;"),
        ("another watcher that was met", "        publish_met(watcher->publish, rival, met_ms);\n", ""),
    ],
    "watcher/intent.c": [
        ("what was begun without Redis is not forgotten", "    if (watcher->intent_target >= 0 && watcher->intent_epoch > epoch", "    if (false && watcher->intent_epoch > epoch"),
        ("a node that cannot be asked is not forgotten", "bool kept = watcher->settings->mode == MODE_LOSSLESS &&", "bool kept = false &&"),
        ("a node that was not looked at since is not forgotten", "(flags & FLAG_BUSY) == 0", "actor_idle(watcher->actor)"),
    ],
    "watcher/obey.c": [
        ("so many must vouch", "        request->quorum = watcher->facts.quorum;\n", "        request->quorum = 1;\n"),
        ("what is being repaired is not opened", "    if (watcher->repairing == target) {", "    if (false) {"),
        ("fences come first", "if ((decision.act == ACT_FENCE) == (pass == 0)) {", "if (pass == 0) {"),
        ("each attempt has an epoch of its own", ".epoch = newest + 1,", ".epoch = watcher->state.epoch + 1,"),
    ],
}
# A mutant that does not use what it had would not compile with the project's warnings: they are off (-w).


def mutants():
    """(file, name, text), and an end with a message if a guard has moved."""
    for path, guards in GUARDS.items():
        with open(path, encoding="utf-8") as source:
            text = source.read()
        for name, old, new in guards:
            if text.count(old) != 1:
                sys.exit(f"{path}: the guard \"{name}\" is there {text.count(old)} times, not once; has it moved?\n{old}")
            yield path, name, text.replace(old, new)


def run(command, timeout_s=600):
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def simulation_with(path, text):
    """The simulation with that file instead."""
    os.makedirs(WHERE, exist_ok=True)
    source = f"{WHERE}/{os.path.basename(path)}"
    with open(source, "w", encoding="utf-8") as out:
        out.write(text)
    made = run([CC, *shlex.split(CFLAGS), "-w", "-include", "tests/sim/shim.h", "-c", "-o", f"{WHERE}/mutant.o", source])
    if made.returncode:
        sys.exit(f"a mutant of {path} does not compile:\n{made.stderr}")
    original = f"{OUT}/sim/{path[:-2]}.o"
    objects = [f"{WHERE}/mutant.o" if it == original else it for it in SIM_OBJECTS.split()]
    if f"{WHERE}/mutant.o" not in objects:
        sys.exit(f"{path} is not part of the simulation")
    linked = run([CC, *shlex.split(CFLAGS), "-o", f"{WHERE}/relevo-sim", *objects, f"{OUT}/libpure.a", *shlex.split(LIBS)])
    if linked.returncode:
        sys.exit(f"the simulation does not link:\n{linked.stderr}")
    return f"{WHERE}/relevo-sim"


def killer_of(path, text):
    """What noticed it, None if nothing did."""
    simulation = simulation_with(path, text)
    try:
        stories = run([simulation, "--stories", "tests/sim/golden"])
    except subprocess.TimeoutExpired:
        return "a story without end"
    if stories.returncode:
        found = re.search(r"^FAILED (story [a-z-]+)", stories.stdout, re.M)
        return found.group(1) if found else "a story that crashed"
    histories = run([simulation, "--seeds", "1", SEEDS], timeout_s=3600)
    if histories.returncode:
        found = re.search(r"FAILED seed (\d+): (.*)", histories.stdout)
        return f"seed {found.group(1)}: {found.group(2)[:60]}" if found else "a history that crashed"
    return None


def main():
    every = list(mutants())
    if sys.argv[1:] == ["--guards"]:
        print(f"act mutants: {len(every)} guards are where they were")
        return 0
    survivors = []
    every = [it for it in every if ONLY in it[1]]
    for path, name, text in every:
        killer = killer_of(path, text)
        if killer is None:
            survivors.append(name)
        print(f"{path:25} {name:60} {killer or 'SURVIVES: it needs a story'}", flush=True)
    print(f"{len(every)} mutants of the actions: {len(every) - len(survivors)} noticed, {len(survivors)} survive {SEEDS} histories")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
