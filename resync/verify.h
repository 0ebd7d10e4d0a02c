// Compares a node with the primary, row by row, while both work: sums over key ranges, read on both at one and the same
// GTID position. Changes nothing on either.
#pragma once
#include "resync/job.h"

// true: everything was compared; job->state says what differs. false: job->failure says why not, or it was stopped.
bool verify_run(struct job *job);
