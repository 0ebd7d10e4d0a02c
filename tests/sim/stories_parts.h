// How a story's faults are written down.
#pragma once
#include "tests/sim/stories.h"

enum { A, B, C };

#define KILL(node, at, for)                                      \
    {.kind = FAULT_KILL, .a = (node), .at_ms = (at), .ms = (for) \
    }
#define AT(what, at, for, number)                                 \
    {.kind = (what), .at_ms = (at), .ms = (for), .much = (number) \
    }
#define ON(what, host, at, for)                              \
    {.kind = (what), .a = (host), .at_ms = (at), .ms = (for) \
    }
#define BETWEEN(what, from, to, at, for)                                \
    {.kind = (what), .a = (from), .b = (to), .at_ms = (at), .ms = (for) \
    }
// Right before that statement of a watcher, whichever node it goes to.
#define CUED(what, host, other, sql, at, for)                                            \
    {.kind = (what), .a = (host), .b = (other), .at_ms = (at), .ms = (for), .cue = (sql) \
    }
#define SLOW(node, at, for)                                                                       \
    {.kind = FAULT_DELAY, .a = (node), .b = HOST_WATCHER, .at_ms = (at), .ms = (for), .much = 150 \
    }
