// The rewind rung: undoes the transactions that only the recipient has, by inverted row events, and gives it the GTID
// state of the others, whatever the size of the data beside them.
//
// The mark is the schema of facts.h. A rewind's mark holds tables: `rewind`, empty until the undoing is committed, in
// one transaction with it; `touched` and `keys_<n>`, which rows it changed. So what a rewind that was cut off left
// behind says by itself how far it came:
//   no row: nothing was undone, it may begin again;
//   a row: all was undone; what is left is the GTID state, catching up, and looking.
#pragma once
#include "resync/steps.h"

// Of a node with a mark. *ret: it is that of a rewind, and the rest can follow from here.
bool rewind_can_go_on(struct peer *recipient, const struct picture *picture, bool *ret);

// Judges, marks, undoes, and sets the GTID state. The mark stays.
bool rewind_run(struct job *job, struct peer *recipient, struct peer *primary, const struct picture *picture);

// Once the node has caught up: compares the rows that were touched with the primary's, and takes the mark away.
bool rewind_finish(struct job *job, struct peer *recipient, struct peer *primary);

// Before a copy begins: what a rewind noted no longer holds. The mark itself stays. The node is open to the copy.
bool rewind_forget(struct peer *recipient);
