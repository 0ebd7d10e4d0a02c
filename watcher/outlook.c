// What would be done if a person said so now: the same rules, over what would be on record then.
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

static void add(char *out, size_t size_bytes, const char *sentence) {
    size_t used = strlen(out);
    (void)text_format(out + used, size_bytes - used, "%s%s", used ? "; " : "", sentence);
}

void outlook(const struct watcher *watcher, unsigned flags, char *out, size_t size_bytes) {
    char sentence[NODE_WHY_SIZE], missing[256];
    report_missing(watcher, missing, sizeof missing);
    *out = '\0';
    struct decision first = policy_cluster(PHASE_STARTING, &watcher->facts, flags & ~(unsigned)FLAG_HELD);
    int primary = target_node(watcher, first.target);
    msg_render(first.why, log_lang(), KVS(KV("target", node_shown(watcher, primary)), KV("missing", missing)), sentence, sizeof sentence);
    add(out, size_bytes, sentence);
    if (primary < 0 || (first.act != ACT_ADOPT && first.act != ACT_ELECT)) {
        return;
    }
    struct memory memory = watcher->memory;
    struct cluster_state state = watcher->state;
    struct assess_input input = watcher_input(watcher);
    (void)text_copy(state.primary, sizeof state.primary, watcher->names[primary]);
    (void)text_copy(state.primary_uuid, sizeof state.primary_uuid, watcher->observations[primary]->uuid);
    input.state = &state;
    struct facts facts = assess(&memory, &input);
    facts.view = PRIMARY_OPEN;  // also one that is opened first
    for (int i = 0; i < watcher->count; i++) {
        struct decision then = policy_node(PHASE_DEGRADED, &facts, i, flags & ~(unsigned)(FLAG_HELD | FLAG_BUSY));
        if (i != primary) {
            msg_render(then.act == ACT_NONE ? MSG_OUTLOOK_NODE : then.why, log_lang(),
                       KVS(KV("node", watcher->names[i]), KV("primary", state.primary),
                           KVI("count", memory.nodes[i].foreign)),
                       sentence, sizeof sentence);
            add(out, size_bytes, sentence);
        }
    }
}
