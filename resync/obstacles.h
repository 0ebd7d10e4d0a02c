// What stands in the way of a copy on the node that is to be emptied: asked, tried and cleared before anything is given
// up. A node whose data are whole keeps them until the copy is certain to be possible.
#pragma once
#include "resync/peer.h"

// What is made to try something is in here, or named in its table `made` by schema ('' of a tablespace) and name.
#define TRIAL_SCHEMA "relevo_trial"

// Asks both servers, changing nothing, for what the rung needs. `looker` may read the donor's system tables, `reader`
// the users' schemas; they may be one session. Refuses the rung with one of the rules 80 to 89, which name the object.
bool obstacles_look(struct job *job, struct peer *recipient, struct peer *looker, struct peer *reader,
                    enum job_rung rung);

// What obstacles_clear() changed on a node whose data are whole still.
struct obstacles {
    struct db_rows *schemas;  // owned: name, whether it was READ ONLY
    size_t cleared;           // so many of them are looked at, and not READ ONLY
    char *was_offline;        // owned
};
void obstacles_done(struct obstacles *obstacles);
#define AUTO_OBSTACLES __attribute__((cleanup(obstacles_done)))

// Opens the recipient (step_unlock_for_copy), ends the sessions whose locks would be waited for, takes READ ONLY off
// its schemas, and tries what the rung does first: of a clone, whether each schema can be dropped; of a dump, whether
// each takes a table; of both, whether each of the donor's can be made. Refuses the rung with a rule of 90 to 93; the
// node is as it was then, and closed.
bool obstacles_clear(struct job *job, struct peer *recipient, struct peer *reader, enum job_rung rung,
                     struct obstacles *ret);
// The rung was refused after that: the node becomes what it was. Returns false.
bool obstacles_put_back(struct peer *recipient, const struct obstacles *obstacles);

// Ends the sessions of clients that hold locks on the fenced recipient; an event names each.
bool obstacles_end_locks(struct job *job, struct peer *recipient);

// What a trial that was cut off left behind goes. The node is closed again afterwards.
bool obstacles_tidy(struct job *job, struct peer *recipient);
