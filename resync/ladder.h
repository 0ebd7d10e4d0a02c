// Climbs down the ladder: looks at both nodes, lets the plan choose, rescues what diverged, takes the rung, and looks
// again if the rung failed in a way that the next one may mend.
#pragma once
#include "resync/job.h"

// true: the node streams from the primary and has all it had. false: job->failure says why, or the job was stopped.
bool ladder_run(struct job *job);
