// A node's addresses, without ever waiting for the resolver: lookups run on a thread of their own, the last good answer
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

// Numeric, in the order in which the resolver names them.
#define RESOLVE_MOST 8
#define RESOLVE_SIZE 64
struct addresses {
    size_t count;  // 0: none was ever known
    char text[RESOLVE_MOST][RESOLVE_SIZE];
};

bool addresses_have(const struct addresses *addresses, const char *address);

// The state of the newest answer; *ret are the last addresses ever known.
enum resolve_state resolve_get(struct resolve *resolve, struct addresses *ret);
// Asks for a fresh lookup and returns its number at once; it is over when resolve_over() is no less.
unsigned resolve_again(struct resolve *resolve);
unsigned resolve_over(struct resolve *resolve);
