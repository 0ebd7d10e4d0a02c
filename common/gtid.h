// GTID sets: "uuid:1-5:7,uuid:tag:1-3", tags as of MySQL 8.4. Pure; values are immutable once made.
// https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-concepts.html
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct gtid_set;

// Parses text (NULL and "" are the empty set; blanks and newlines are allowed where MySQL prints them). NULL and *err
// on nonsense: bad uuid, bad tag, 0, reversed or overflowing interval. The caller frees with gtid_free().
struct gtid_set *gtid_parse(const char *text, struct err *err);
void gtid_free(struct gtid_set *set);  // NULL is fine

bool gtid_empty(const struct gtid_set *set);
bool gtid_subset(const struct gtid_set *part, const struct gtid_set *whole);  // part ⊆ whole
uint64_t gtid_count(const struct gtid_set *set);                              // transactions
bool gtid_has_uuid(const struct gtid_set *set, const char *uuid);

// New sets, owned by the caller.
struct gtid_set *gtid_union(const struct gtid_set *a, const struct gtid_set *b);
struct gtid_set *gtid_subtract(const struct gtid_set *a, const struct gtid_set *b);  // a \ b
struct gtid_set *gtid_intersect(const struct gtid_set *a, const struct gtid_set *b);

// MySQL's canonical text on one line, without blanks. Heap; the caller frees.
char *gtid_text(const struct gtid_set *set);

// Walks the intervals in canonical order: uuid (lower case), tag ("" if none), first and last inclusive.
typedef void gtid_each_fn(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last);
void gtid_each(const struct gtid_set *set, gtid_each_fn *each, void *arg);

void gtid_drop(struct gtid_set **set);
#define AUTO_GTID __attribute__((cleanup(gtid_drop)))
