// A node's address, without ever waiting for the resolver: lookups run on a thread of their own, the last good answer
// is kept, and "this name does not exist" is remembered as such. Thread-safe.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum resolve_state { RESOLVE_PENDING, RESOLVE_KNOWN, RESOLVE_GONE };

struct resolve;

// Starts looking name up. poke() is called from the lookup thread when an answer differs from the one before: who asks
// again because of it (a node that refuses does) must not be woken by an answer that tells nothing new, or the two turn
// in a circle as fast as the name server answers.
struct resolve *resolve_start(const char *name, void (*poke)(void *arg), void *arg);
void resolve_stop(struct resolve *resolve);  // waits for a lookup under way; NULL is fine

// The state of the newest answer; *out is the last address ever known ("" if none), numeric, at least 64 bytes.
enum resolve_state resolve_get(struct resolve *resolve, char *out, size_t size_bytes);
// Asks for a fresh lookup and returns its number at once; it is over when resolve_over() is no less.
unsigned resolve_again(struct resolve *resolve);
unsigned resolve_over(struct resolve *resolve);
