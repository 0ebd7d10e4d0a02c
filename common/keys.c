#include "keys.h"

#include "text.h"

static void name(char key[KEY_SIZE], const char *cluster, const char *part) {
    (void)text_format(key, KEY_SIZE, "relevo:%s%s%s", cluster, *part ? ":" : "", part);
}

struct keys keys_of(const char *cluster) {
    static const char *const channels[STORE_CHANNEL_COUNT] = {
        [STORE_COMMANDS] = "commands", [STORE_JOBS] = "jobs", [STORE_EVENTS] = "events", [STORE_STATE] = "state"};
    struct keys keys;
    name(keys.state, cluster, "");
    name(keys.jobs, cluster, "jobs");
    name(keys.history, cluster, "history");
    name(keys.seq, cluster, "seq");
    name(keys.lease, cluster, "lease");
    name(keys.renewals, cluster, "lease:renewals");
    name(keys.rival, cluster, "rival");
    for (int i = 0; i < SERVICE_COUNT; i++) {
        char part[32];
        (void)text_format(part, sizeof part, "log:%s", service_name((enum service)i));
        name(keys.log[i], cluster, part);
    }
    for (int i = 0; i < STORE_CHANNEL_COUNT; i++) {
        name(keys.channels[i], cluster, channels[i]);
    }
    return keys;
}
