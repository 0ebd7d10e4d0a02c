// A session as every program of ours opens it: prints what the server says of its variables, "name<TAB>value".
// Without arguments: the pins, "name<TAB>value<TAB>needs a privilege (1) or not (0)". See test_session_pins.py.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mysql_port.h"
#include "common/session_pins.h"

enum { WITHIN_MS = 10000, FEWEST_ARGUMENTS = 4 };

static int print_pins(void) {
    size_t count = 0;
    const struct session_pin *pins = session_pins(&count);
    for (size_t i = 0; i < count; i++) {
        printf("%s\t%s\t%d\n", pins[i].name, pins[i].value, pins[i].admin);
    }
    return EXIT_SUCCESS;
}

static bool print_rows(struct db_session *session, const char *sql, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, WITHIN_MS, sql, &rows, err)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *value = db_cell(rows, i, 1, NULL);
        printf("%s\t%s\n", db_cell(rows, i, 0, NULL), value ? value : "NULL");
    }
    return true;
}

int main(int argc, char **argv) {
    if (argc == 1) {
        return print_pins();
    }
    if (argc < FEWEST_ARGUMENTS) {
        fprintf(stderr, "usage: RELEVO_CONTROL_PASSWORD=... pins_check [HOST USER plain|bulk|terse]\n");
        return 64;
    }
    struct db_login login = {.address = argv[1],
                             .port = 3306,
                             .user = argv[2],
                             .password = getenv("RELEVO_CONTROL_PASSWORD"),
                             .bulk = strcmp(argv[3], "bulk") == 0,
                             .terse = strcmp(argv[3], "terse") == 0,
                             .mark_name = "pins_mark",
                             .mark = "it's \\ a mark"};
    AUTO_SESSION struct db_session *session = NULL;
    struct err err = {0};
    enum probe_outcome outcome = db_open(&login, WITHIN_MS, &session, &err);
    if (outcome != PROBE_OK ||
        !print_rows(session, "SHOW SESSION VARIABLES", &err) ||
        // In a transaction of its own: a value for the next one only would be over.
        !print_rows(session, "SHOW SESSION VARIABLES LIKE 'transaction%'", &err) ||
        !print_rows(session, "SELECT 'mark', @pins_mark UNION ALL SELECT 'clock', NOW(6) - SYSDATE(6)", &err)) {
        fprintf(stderr, "%s: %s\n", probe_outcome_name(outcome), err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
