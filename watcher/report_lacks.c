// What the accounts and settings lack (inspect.c found it), told once, and once more when it was mended.
#include "common/log.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

static const struct kv *told(const struct watcher *watcher, int node, const struct lack *lack, struct kv values[5]) {
    values[0] = KV("node", watcher->names[node]);
    values[1] = KV("account", lack->account);
    values[2] = KV("what", lack->what);
    values[3] = KV("mend", lack->mend);
    values[4] = (struct kv){0};
    return values;
}

static void compare(struct watcher *watcher, int node, enum lack_kind kind, const struct lack *now) {
    const struct lack *had = &watcher->lacks[node].of[kind];
    struct kv values[5];
    if (now->lacks && (!had->lacks || !text_equal(had->what, now->what))) {
        report_event(watcher, EVENT_ALARM, lack_unable(kind) ? SEVERITY_ERROR : SEVERITY_WARNING, watcher->names[node], 0,
                     lack_msg(kind), told(watcher, node, now, values));
    } else if (had->lacks && !now->lacks) {
        report_event(watcher, EVENT_ALARM, SEVERITY_INFO, watcher->names[node], 0, MSG_LACK_MENDED,
                     told(watcher, node, had, values));
    }
}

static void take(struct watcher *watcher, int node) {
    struct lacks found;
    inspect_found(watcher->inspect, node, &found);
    if (found.began_ms <= watcher->lacks[node].began_ms || found.began_ms <= watcher->lacks_job_ms[node]) {
        return;
    }
    for (enum lack_kind kind = 0; kind < LACK_COUNT; kind++) {
        if (found.of[LACK_LOGIN].lacks && kind != LACK_LOGIN && kind != LACK_REPL && kind != LACK_CLONE) {
            found.of[kind] = watcher->lacks[node].of[kind];  // without a session nobody saw it
        }
        compare(watcher, node, kind, &found.of[kind]);
    }
    watcher->lacks[node] = found;
    watcher->published_ms = 0;
}

// A copy empties a node and makes its accounts anew: nothing is found out meanwhile.
void report_lacks(struct watcher *watcher) {
    if (!text_equal(watcher->lacks_primary, watcher->state.primary)) {
        (void)text_copy(watcher->lacks_primary, sizeof watcher->lacks_primary, watcher->state.primary);
        inspect_again(watcher->inspect);
    }
    for (int i = 0; i < watcher->count; i++) {
        if (watcher->facts.nodes[i].standing == STANDING_JOB) {
            watcher->lacks_job_ms[i] = watcher->now_ms;
        } else if (watcher->leads) {
            take(watcher, i);
        }
    }
}

void report_lack(const struct watcher *watcher, int node, char *out, size_t size_bytes) {
    int worst = lacks_worst(&watcher->lacks[node]);
    struct kv values[5];
    *out = '\0';
    if (worst >= 0) {
        msg_render(lack_msg((enum lack_kind)worst), log_lang(),
                   told(watcher, node, &watcher->lacks[node].of[worst], values), out, size_bytes);
    }
}

bool report_unable(const struct watcher *watcher, int node) {
    bool unable = false;
    for (enum lack_kind kind = 0; kind < LACK_COUNT; kind++) {
        unable |= watcher->lacks[node].of[kind].lacks && lack_unable(kind);
    }
    return unable;
}
