// Hosts and packets. A cut drops packets silently, one way or both; TCP sends them again until the caller gives up.
#include "common/text.h"
#include "tests/sim/world.h"

enum { RESEND_MS = 40 };

bool net_reaches(int from, int to) {
    return from == to || !world.cut[from][to];
}

bool net_pair(int a, int b) {
    return net_reaches(a, b) && net_reaches(b, a);
}

int64_t net_latency(int from, int to) {
    return world.delay_ms[from][to] + (world.calm ? 1 : (int64_t)sim_random(2));
}

static bool dying(void) {
    return sim_process && sim_process->dead;
}

// Waits a moment for the network; false when there is no time left.
static bool resend(int64_t until_ms) {
    int64_t left_ms = until_ms - sim_now_ms();
    if (left_ms <= 0 || dying()) {
        return false;
    }
    co_sleep(left_ms < RESEND_MS ? left_ms : RESEND_MS);
    return !dying();
}

enum trip net_to_node(int from, const struct node *node, unsigned boot, int64_t until_ms) {
    int at = node->index;
    if (boot == 0 && node->name_gone) {
        return TRIP_GONE;
    }
    co_sleep(net_latency(from, at));
    for (;;) {
        if (dying()) {
            return TRIP_LOST;
        }
        bool there = net_reaches(from, at);
        bool listens = node->power == POWER_ON || (boot != 0 && node->power == POWER_CLOSING);
        bool same = boot == 0 || (node->boot == boot && node->power != POWER_CLOSING);
        if (there && (!listens || !same) && net_reaches(at, from)) {
            return boot == 0 ? TRIP_REFUSED : TRIP_LOST;
        }
        if (there && listens && same && node->thaw_ms <= sim_now_ms()) {
            return TRIP_OK;
        }
        if (!resend(until_ms)) {
            return dying() ? TRIP_LOST : TRIP_TIMEOUT;
        }
    }
}

enum trip net_from_node(const struct node *node, int to, unsigned boot, int64_t until_ms) {
    int at = node->index;
    co_sleep(net_latency(at, to));
    for (;;) {
        if (dying()) {
            return TRIP_LOST;
        }
        if (net_reaches(at, to)) {
            return TRIP_OK;
        }
        if (node->boot != boot || node->power == POWER_OFF) {
            return TRIP_TIMEOUT;  // nobody is left to send it again
        }
        if (!resend(until_ms)) {
            return dying() ? TRIP_LOST : TRIP_TIMEOUT;
        }
    }
}
