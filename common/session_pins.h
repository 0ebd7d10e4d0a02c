// What every session of ours sets before its first statement. A DBA may give any session variable another default
// (SET PERSIST, my.cnf, init_connect): none of them may change what a statement of ours does. Pure.
//
// tests/integration/test_session_pins.py asks a server for all its session variables: each is here, or there with the
// reason why it may be what it likes.
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct session_pin {
    const char *name, *value;  // value: as SQL
    bool admin;                // setting it needs SESSION_VARIABLES_ADMIN, which accounts that only read lack
};

// In the order in which they are set.
const struct session_pin *session_pins(size_t *ret_count);

// "SET SESSION name = value, ...", heap text. admin: also those that need the privilege. more: further assignments, ""
// if none.
char *session_pins_sql(bool admin, const char *more);
