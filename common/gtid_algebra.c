#include <stdlib.h>

#include "gtid_set.h"
#include "mem.h"

// Where one operand stands: `source` in the numbering of the result, so that both operands compare by number.
struct cursor {
    const struct gtid_set *set;
    uint32_t *renumbered;
    size_t at;
    uint64_t first;  // of the part that is left of the current interval
};

static void cursor_drop(struct cursor *cursor) {
    free(cursor->renumbered);
}
#define AUTO_CURSOR __attribute__((cleanup(cursor_drop)))

static bool at_end(const struct cursor *cursor) {
    return cursor->at == cursor->set->count;
}

static uint32_t source_of(const struct cursor *cursor) {
    return cursor->renumbered[cursor->set->intervals[cursor->at].source];
}

static uint64_t last_of(const struct cursor *cursor) {
    return cursor->set->intervals[cursor->at].last;
}

static void next(struct cursor *cursor) {
    cursor->at++;
    cursor->first = at_end(cursor) ? 0 : cursor->set->intervals[cursor->at].first;
}

// An empty result with the sources of both, and a cursor into each.
static struct gtid_set *merge_sources(struct cursor *a, struct cursor *b) {
    struct gtid_set *set = mem_zero(1, sizeof *set);
    size_t i = 0;
    size_t j = 0;
    size_t a_count = a->set->source_count;
    size_t b_count = b->set->source_count;
    set->sources = mem_zero(a_count + b_count, sizeof set->sources[0]);
    a->renumbered = mem_zero(a_count, sizeof(uint32_t));
    b->renumbered = mem_zero(b_count, sizeof(uint32_t));
    while (i < a_count || j < b_count) {
        int order = i == a_count   ? 1
                    : j == b_count ? -1
                                   : gtid_source_compare(&a->set->sources[i], &b->set->sources[j]);
        set->sources[set->source_count] = order <= 0 ? a->set->sources[i] : b->set->sources[j];
        if (order <= 0) {
            a->renumbered[i++] = (uint32_t)set->source_count;
        }
        if (order >= 0) {
            b->renumbered[j++] = (uint32_t)set->source_count;
        }
        set->source_count++;
    }
    a->first = at_end(a) ? 0 : a->set->intervals[0].first;
    b->first = at_end(b) ? 0 : b->set->intervals[0].first;
    return set;
}

// Which interval comes first: below 0 a's, above 0 b's, 0 if both begin with the same transaction.
static int compare(const struct cursor *a, const struct cursor *b) {
    if (source_of(a) != source_of(b)) {
        return source_of(a) < source_of(b) ? -1 : 1;
    }
    return a->first < b->first ? -1 : a->first > b->first;
}

struct gtid_set *gtid_union(const struct gtid_set *a, const struct gtid_set *b) {
    AUTO_CURSOR struct cursor left = {.set = a};
    AUTO_CURSOR struct cursor right = {.set = b};
    struct gtid_set *set = merge_sources(&left, &right);
    while (!at_end(&left) || !at_end(&right)) {
        bool take_left = at_end(&right) || (!at_end(&left) && compare(&left, &right) <= 0);
        struct cursor *cursor = take_left ? &left : &right;
        gtid_append(set, source_of(cursor), cursor->first, last_of(cursor));
        next(cursor);
    }
    return set;
}

// True if b's interval lies wholly before what is left of a's.
static bool is_before(const struct cursor *b, const struct cursor *a) {
    return source_of(b) < source_of(a) || (source_of(b) == source_of(a) && last_of(b) < a->first);
}

static bool overlaps(const struct cursor *a, const struct cursor *b) {
    return source_of(a) == source_of(b) && b->first <= last_of(a) && a->first <= last_of(b);
}

struct gtid_set *gtid_subtract(const struct gtid_set *a, const struct gtid_set *b) {
    AUTO_CURSOR struct cursor left = {.set = a};
    AUTO_CURSOR struct cursor right = {.set = b};
    struct gtid_set *set = merge_sources(&left, &right);
    while (!at_end(&left)) {
        while (!at_end(&right) && is_before(&right, &left)) {
            next(&right);
        }
        if (at_end(&right) || !overlaps(&left, &right)) {
            gtid_append(set, source_of(&left), left.first, last_of(&left));
            next(&left);
            continue;
        }
        if (right.first > left.first) {
            gtid_append(set, source_of(&left), left.first, right.first - 1);
        }
        if (last_of(&right) >= last_of(&left)) {
            next(&left);
        } else {
            left.first = last_of(&right) + 1;
        }
    }
    return set;
}

struct gtid_set *gtid_intersect(const struct gtid_set *a, const struct gtid_set *b) {
    AUTO_CURSOR struct cursor left = {.set = a};
    AUTO_CURSOR struct cursor right = {.set = b};
    struct gtid_set *set = merge_sources(&left, &right);
    while (!at_end(&left) && !at_end(&right)) {
        if (overlaps(&left, &right)) {
            uint64_t first = left.first > right.first ? left.first : right.first;
            uint64_t last = last_of(&left) < last_of(&right) ? last_of(&left) : last_of(&right);
            gtid_append(set, source_of(&left), first, last);
        }
        bool left_ends_first = source_of(&left) != source_of(&right) ? source_of(&left) < source_of(&right)
                                                                     : last_of(&left) < last_of(&right);
        next(left_ends_first ? &left : &right);
    }
    return set;
}

bool gtid_subset(const struct gtid_set *part, const struct gtid_set *whole) {
    AUTO_GTID struct gtid_set *rest = gtid_subtract(part, whole);
    return gtid_empty(rest);
}
