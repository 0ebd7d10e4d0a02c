// How a GTID set lies in memory. Private to gtid*.c.
//
// A set is an array of intervals, sorted by uuid, tag and first; no two overlap or touch. All operations are merges of
// two sorted arrays, linear in their sizes.
#pragma once
#include <stddef.h>

#include "gtid.h"

#define UUID_SIZE 37
#define TAG_SIZE 33

struct gtid_source {  // who made the transactions: kept apart, so that an interval stays small
    char uuid[UUID_SIZE];
    char tag[TAG_SIZE];
};

struct gtid_interval {
    uint32_t source;  // index into sources
    uint64_t first, last;
};

struct gtid_set {
    struct gtid_source *sources;  // sorted, unique
    size_t source_count;
    struct gtid_interval *intervals;
    size_t count, room;
};

int gtid_source_compare(const struct gtid_source *a, const struct gtid_source *b);

// Adds an interval that begins at or after the last one of *set; what touches or overlaps it becomes one.
void gtid_append(struct gtid_set *set, uint32_t source, uint64_t first, uint64_t last);
