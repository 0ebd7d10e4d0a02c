// One look at a server with the watcher's own probe: prints "FACT text" lines, or why there is nothing to see.
// tests/lib/contract.py asks it how a node stands.
#include <stdio.h>
#include <stdlib.h>

#include "common/mysql_port.h"
#include "tests/contract/probed.h"
#include "watcher/probe.h"

enum { WITHIN_MS = 10000, ACKS = 1 };

static void print(void *arg, const char *fact, const char *text) {
    (void)arg;
    printf("%s %s\n", fact, text);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: RELEVO_CONTROL_PASSWORD=... probe_check HOST USER\n");
        return 64;
    }
    struct db_login login = {.address = argv[1],
                             .port = 3306,
                             .user = argv[2],
                             .password = getenv("RELEVO_CONTROL_PASSWORD"),
                             .terse = true};
    AUTO_SESSION struct db_session *session = NULL;
    AUTO_OBSERVATION struct observation *it = observation_new();
    struct err err = {0};
    if (db_open(&login, WITHIN_MS, &session, &err) != PROBE_OK) {
        fprintf(stderr, "%s\n", err.text);
        return EXIT_FAILURE;
    }
    probe_ask(session, WITHIN_MS, ACKS, it);
    probe_ask_relevo(session, WITHIN_MS, NULL, it);
    if (it->outcome != PROBE_OK) {
        fprintf(stderr, "%s: %s\n", probe_outcome_name(it->outcome), it->error);
        return EXIT_FAILURE;
    }
    probed_each(it, print, NULL);
    return EXIT_SUCCESS;
}
