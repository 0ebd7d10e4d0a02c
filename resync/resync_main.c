// db-resync: brings a returning or new node back into replication. README.md of this folder.
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/logship.h"
#include "common/loop.h"
#include "common/mysql_port.h"
#include "common/start.h"
#include "resync/hints.h"
#include "resync/queue.h"

enum {
    LOOK_EVERY_MS = 2000,  // messages are hints; the hash is re-read without them too
    FLUSH_MS = 2000,
};

struct resync {
    struct loop *loop;
    struct hints *hints;
    struct queue *queue;
};

static void wake(void *arg) {
    loop_wake(arg);
}

static void on_wake(void *arg) {
    struct resync *resync = arg;
    size_t length_bytes = 0;
    for (char *bytes; (bytes = hints_take(resync->hints, &length_bytes)) != NULL; free(bytes)) {
        queue_command(resync->queue, bytes, length_bytes);
    }
    queue_look(resync->queue);
    service_alive_touch();
}

static void say_started(struct ship *ship) {
    LOG_INFO(MSG_RESYNC_STARTED);
    struct event_record event = event_make(SERVICE_RESYNC, EVENT_STARTED, SEVERITY_INFO, "", 0, 0, clock_wall_ms(),
                                           log_lang(), MSG_RESYNC_STARTED, KVS());
    ship_event(ship, &event);
}

int main(int argc, char **argv) {
    static struct settings settings;
    int exit_code = 0;
    if (!service_start(SERVICE_RESYNC, argc, argv, &settings, &exit_code)) {
        return exit_code;
    }
    db_trust(settings.tls_ca);
    struct resync resync = {.loop = loop_new()};
    if (!resync.loop) {
        return EXIT_FAILURE;
    }
    struct ship *ship = ship_start(&settings, SERVICE_RESYNC);
    say_started(ship);
    resync.queue = queue_new(&settings, ship, wake, resync.loop);
    loop_on_wake(resync.loop, on_wake, &resync);
    loop_every(resync.loop, LOOK_EVERY_MS, on_wake, &resync);
    resync.hints = hints_start(&settings, wake, resync.loop);
    loop_wake(resync.loop);  // the first look
    loop_run(resync.loop);
    LOG_INFO(MSG_RESYNC_ENDING);
    hints_stop(resync.hints);
    queue_free(resync.queue);
    ship_stop(ship, FLUSH_MS);
    loop_free(resync.loop);
    return EXIT_SUCCESS;
}
