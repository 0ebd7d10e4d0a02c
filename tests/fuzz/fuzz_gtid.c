// Whatever parses must print as text that parses to the same set, and the algebra must agree with itself.
#include <stdlib.h>
#include <string.h>

#include "common/gtid.h"
#include "common/mem.h"
#include "fuzz.h"

static char *text_of(const uint8_t *data, size_t size) {
    char *text = mem_zero(size + 1, 1);
    memcpy(text, data, size);
    return text;
}

static void same(const struct gtid_set *a, const struct gtid_set *b) {
    AUTO_TEXT char *left = gtid_text(a);
    AUTO_TEXT char *right = gtid_text(b);
    must(strcmp(left, right) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t half = size / 2;
    AUTO_TEXT char *a_text = text_of(data, half);
    AUTO_TEXT char *b_text = text_of(data + half, size - half);
    AUTO_TEXT char *whole_text = text_of(data, size);
    struct err err = {0};
    AUTO_GTID struct gtid_set *whole = gtid_parse(whole_text, &err);
    must((whole == NULL) == (err.kind != ERR_NONE));
    if (whole != NULL) {
        AUTO_TEXT char *text = gtid_text(whole);
        AUTO_GTID struct gtid_set *again = gtid_parse(text, &err);
        must(again != NULL);
        same(whole, again);
        must(gtid_subset(whole, again) && gtid_count(whole) == gtid_count(again));
    }
    AUTO_GTID struct gtid_set *a = gtid_parse(a_text, NULL);
    AUTO_GTID struct gtid_set *b = gtid_parse(b_text, NULL);
    if (a == NULL || b == NULL) {
        return 0;
    }
    AUTO_GTID struct gtid_set *both = gtid_union(a, b);
    AUTO_GTID struct gtid_set *less = gtid_subtract(a, b);
    AUTO_GTID struct gtid_set *common = gtid_intersect(a, b);
    AUTO_GTID struct gtid_set *sum = gtid_union(less, common);
    AUTO_GTID struct gtid_set *apart = gtid_intersect(less, b);
    AUTO_GTID struct gtid_set *turned = gtid_union(b, a);
    same(sum, a);
    same(both, turned);
    must(gtid_empty(apart));
    must(gtid_subset(a, both) && gtid_subset(b, both) && gtid_subset(a, b) == gtid_empty(less));
    return 0;
}
