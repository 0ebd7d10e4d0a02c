// The facts of the scripts that the watcher's probe sees, by name: one list for the model (tests/sim/contract_facts.c)
// and for real servers (tests/integration/probe_check.c).
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "common/text.h"
#include "watcher/observation.h"

enum { PROBED_SIZE = 400 };

static inline const char *probed_switch(bool on) {
    return on ? "ON" : "OFF";
}

static inline const char *probed_thread(enum thread_state state) {
    switch (state) {
        case THREAD_OFF:
            return "OFF";
        case THREAD_CONNECTING:
            return "CONNECTING";
        case THREAD_ON:
            return "ON";
        case THREAD_ABSENT:
        case THREAD_STATE_COUNT:
            break;
    }
    return "absent";
}

typedef void probed_fn(void *arg, const char *fact, const char *text);

static inline void probed_number(probed_fn *each, void *arg, const char *fact, uint64_t number) {
    char text[24];
    (void)text_format(text, sizeof text, "%llu", (unsigned long long)number);
    each(arg, fact, text);
}

static inline void probed_each(const struct observation *it, probed_fn *each, void *arg) {
    each(arg, "read_only", probed_switch(it->read_only));
    each(arg, "super_read_only", probed_switch(it->super_read_only));
    each(arg, "offline_mode", probed_switch(it->offline_mode));
    each(arg, "executed", it->executed_text);
    each(arg, "received", it->received_text);
    each(arg, "receiver", probed_thread(it->receiver));
    each(arg, "applier", probed_thread(it->applier));
    each(arg, "source", it->source_host);
    each(arg, "source_uuid", it->source_uuid);
    each(arg, "semisync_source", probed_switch(it->semisync.source_on));
    each(arg, "strict", probed_switch(it->semisync.source_strict));
    each(arg, "semisync_replica", probed_switch(it->semisync.replica_on));
    each(arg, "acknowledges", probed_switch(it->semisync.replica_acks));
    each(arg, "epoch_sync", probed_switch(it->epoch_sync));
    probed_number(each, arg, "receiver_error", (uint64_t)it->receiver_errno);
    probed_number(each, arg, "applier_error", (uint64_t)it->applier_errno);
    probed_number(each, arg, "unacked", it->semisync.unacked);
    probed_number(each, arg, "epoch", it->epoch);
    probed_number(each, arg, "row_state", it->row_state);
}
