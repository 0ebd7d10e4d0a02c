// Which rung of the ladder a node takes to come back, and why every higher one is refused. A rule table over facts:
// no I/O, no clock, no allocation. The README holds the picture. Pure.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "common/messages.h"
#include "common/node.h"

// What is known of the node to bring back (recipient) and of the cluster's primary, as of one look at both.
struct plan_facts {
    enum job_rung method;  // asked for; RUNG_AUTO: the ladder
    bool recipient_gtid;   // gtid_mode=ON
    bool source_gtid;
    bool recipient_older;  // an older release series than the primary's: replication cannot go that way
    uint64_t diverged;     // transactions on the recipient that the primary lacks
    bool rebuild_marked;   // a copy into the recipient was begun and not finished
    bool rewind_begun;     // ... that copy is a rewind, which can go on from where it is
    bool history_unknown;  // it holds tables, but no GTID says where they come from
    bool foreign;          // and nothing of Relevo's is among them: somebody else's data
    bool ask_first;        // it holds data, and a copy over them waits for a person (RELEVO_COPY=ask)
    bool binlogs_purged;   // the primary no longer has what the recipient lacks
    bool donor;            // a donor for a copy was found
    bool recipient_clone;  // the clone plugin is active
    bool donor_clone;
    bool same_series;  // as the donor's: 8.4 and 8.4
    bool same_platform;
    bool same_layout;             // page size, data files, name case, character set
    bool packet_too_small;        // max_allowed_packet under 2 MB on either side
    bool names_break_clone;       // the server forgets to quote a name with a backquote, and CLONE ends half-way
    bool donor_v6;                // its address is an IPv6 literal, which CLONE does not take
    bool failed[JOB_RUNG_COUNT];  // tried by this job, and failed in a way that the next rung may mend
};

struct plan_step {
    enum job_rung rung;
    int rule;
    enum msg why;
};

struct plan {
    struct plan_step taken;                    // rung RUNG_AUTO: none is left
    struct plan_step refused[JOB_RUNG_COUNT];  // the rungs above it, from the top
    unsigned refused_count;
};

struct plan plan_choose(const struct plan_facts *facts);

// The whole table, for the README and for tests: rule i, or false behind the last one.
bool plan_rule(unsigned i, struct plan_step *ret);

// Several things that the rungs need to agree on. "9.7.1-commercial" against "9.7.0": same series.
bool plan_same_series(const char *version_a, const char *version_b);
bool plan_older_series(const char *version, const char *than);
