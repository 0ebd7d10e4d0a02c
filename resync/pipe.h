// Batches of rows from a reading thread to a writing one, bounded: the reader waits while the writer is behind.
#pragma once
#include "resync/rowtext.h"

struct pipe;

struct pipe *pipe_new(size_t most_bytes);
void pipe_free(struct pipe *pipe);  // once both threads have left

// Reader's end. Takes the batch and empties it; false: the writer gave up.
bool pipe_put(struct pipe *pipe, struct rowtext *batch);
void pipe_end(struct pipe *pipe, bool complete);  // no more will come; not complete: the reader failed

// Writer's end. Waits for a batch; false at the end.
bool pipe_take(struct pipe *pipe, struct rowtext *ret);
bool pipe_complete(struct pipe *pipe);  // after the end: all was read
void pipe_give_up(struct pipe *pipe);
