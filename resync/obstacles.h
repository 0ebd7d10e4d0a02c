// What stands in the way of a copy on the node that is to be emptied: asked, tried and cleared before anything is given
// up. A node whose data are whole keeps them until the copy is certain to be possible.
#pragma once
#include "resync/peer.h"

// Asks both servers, changing nothing, for what the rung needs. `looker` may read the donor's system tables, `reader`
// the users' schemas; they may be one session. Refuses the rung with one of the rules 80 to 89, which name the object.
bool obstacles_look(struct job *job, struct peer *recipient, struct peer *looker, struct peer *reader,
                    enum job_rung rung);

// Opens the recipient (step_unlock_for_copy), ends the sessions whose locks would be waited for, takes READ ONLY
// off its schemas, and tries whether each of them can be dropped and each of the donor's be made. Refuses the rung with
// a rule of 90 to 93; the node is as it was then, and closed.
bool obstacles_clear(struct job *job, struct peer *recipient, struct peer *reader);

// Ends the sessions of clients that hold locks on the fenced recipient; an event names each.
bool obstacles_end_locks(struct job *job, struct peer *recipient);

// What a trial that was cut off left behind goes. The node is closed again afterwards.
bool obstacles_tidy(struct job *job, struct peer *recipient);
