// Looks a name up without being bound to the C library's resolver, which may need many seconds for a name that has
// vanished and cannot be cancelled: each lookup has a thread of its own, which outlives the caller's patience. Not
// getaddrinfo_a(): its gai_suspend() leaves a pointer to the caller's stack behind when the answer comes in the moment
// in which the wait ends.
#pragma once
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

struct lookup;

struct lookup *lookup_begin(const char *host, uint16_t port);  // NULL: no thread could be started
// true: it is done, with *ret_code as getaddrinfo() returns it. false: until_ms (monotonic) passed before.
bool lookup_wait(struct lookup *lookup, int64_t until_ms, int *ret_code);
const struct addrinfo *lookup_addresses(const struct lookup *lookup);  // after success; lives as long as the lookup
void lookup_leave(struct lookup *lookup);                              // done or not; NULL is fine
