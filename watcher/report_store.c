// What Redis does to the state hash, for people: it takes nothing, or says what this watcher did not write.
#include "common/text.h"
#include "watcher/watcher_parts.h"

enum { FOREIGN_EVERY_MS = 10000 };

static void report_refusal(struct watcher *watcher) {
    bool refuses = watcher->leads && watcher->told.refused;
    if (refuses == (watcher->refusing_ms != 0)) {
        return;
    }
    int64_t lasted_ms = watcher->now_ms - watcher->refusing_ms;
    watcher->refusing_ms = refuses ? watcher->now_ms : 0;
    if (refuses) {
        report_event(watcher, EVENT_ALARM, SEVERITY_ERROR, "", 0, MSG_STORE_REFUSES,
                     KVS(KV("error", watcher->told.refusal)));
    } else if (watcher->leads) {  // else another watcher tells how it goes on
        report_event(watcher, EVENT_ALARM, SEVERITY_INFO, "", 0, MSG_STORE_TAKES,
                     KVS(KVI("seconds", lasted_ms / 1000)));
    }
}

void report_foreign(struct watcher *watcher, unsigned count, const char *what, const char *by) {
    if (watcher->foreign == 0) {
        (void)text_copy(watcher->foreign_what, sizeof watcher->foreign_what, what);
        (void)text_copy(watcher->foreign_by, sizeof watcher->foreign_by, by);
    }
    watcher->foreign += count;
}

void report_store(struct watcher *watcher) {
    report_refusal(watcher);
    if (watcher->told.foreign > 0) {
        report_foreign(watcher, watcher->told.foreign, watcher->told.foreign_what, watcher->told.foreign_by);
    }
    // Who writes there again and again must not fill the history.
    bool lately = watcher->foreign_ms != 0 && watcher->now_ms - watcher->foreign_ms < FOREIGN_EVERY_MS;
    if (watcher->foreign == 0 || lately) {
        return;
    }
    bool hand = *watcher->foreign_by == '\0';
    report_event(watcher, EVENT_ALARM, hand ? SEVERITY_ERROR : SEVERITY_WARNING, "", 0,
                 hand ? MSG_STATE_FORGED : MSG_STATE_OF_RIVAL,
                 KVS(KV("what", watcher->foreign_what), KVI("count", watcher->foreign),
                     KV("rival", watcher->foreign_by)));
    watcher->foreign = 0;
    watcher->foreign_ms = watcher->now_ms;
}
