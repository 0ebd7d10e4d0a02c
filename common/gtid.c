#include "gtid_set.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "text.h"

#define SEQUENCE_MAX ((uint64_t)INT64_MAX - 1)  // as MySQL has it
#define TEXT_MAX ((size_t)16 << 20)
#define SOURCES_MAX 65536  // what a hostile text could make us keep is bounded

int gtid_source_compare(const struct gtid_source *a, const struct gtid_source *b) {
    int order = strcmp(a->uuid, b->uuid);
    return order != 0 ? order : strcmp(a->tag, b->tag);
}

void gtid_free(struct gtid_set *set) {
    if (set != NULL) {
        free(set->sources);
        free(set->intervals);
        free(set);
    }
}

void gtid_drop(struct gtid_set **set) {
    gtid_free(*set);
    *set = NULL;
}

// ---- parsing -------------------------------------------------------------------------------------------------------

struct parser {
    const char *at;
    struct gtid_source *sources;  // in order of appearance, repeats and all; intervals point into it
    size_t source_count, source_room;
    struct gtid_interval *intervals;
    size_t count, room;
};

static void parser_drop(struct parser *parser) {
    free(parser->sources);
    free(parser->intervals);
}

static bool bad(const struct parser *parser, struct err *err, const char *what) {
    char near[41];
    size_t length = strcspn(parser->at, ",\n");
    text_format(near, sizeof near, "%.*s", (int)(length < 40 ? length : 40), parser->at);
    return err_set(err, ERR_INVALID, 0, "not a GTID set: %s at \"%s\"", what, near);
}

static void skip_blanks(struct parser *parser) {
    parser->at += strspn(parser->at, " \t\r\n");
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool read_uuid(struct parser *parser, char uuid[UUID_SIZE], struct err *err) {
    for (int i = 0; i < UUID_SIZE - 1; i++) {
        char c = lower(parser->at[i]);
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !(is_digit(c) || (c >= 'a' && c <= 'f'))) {
            return bad(parser, err, "a server uuid is expected");
        }
        uuid[i] = c;
    }
    uuid[UUID_SIZE - 1] = '\0';
    parser->at += UUID_SIZE - 1;
    return true;
}

static bool read_tag(struct parser *parser, char tag[TAG_SIZE], struct err *err) {
    size_t length = 0;
    for (;; length++) {
        char c = lower(parser->at[length]);
        if (!((c >= 'a' && c <= 'z') || c == '_' || (length > 0 && is_digit(c)))) {
            break;
        }
        if (length == TAG_SIZE - 1) {
            return bad(parser, err, "a tag longer than 32 characters");
        }
        tag[length] = c;
    }
    if (length == 0) {
        return bad(parser, err, "a number or a tag is expected");
    }
    tag[length] = '\0';
    parser->at += length;
    return true;
}

static bool read_sequence(struct parser *parser, uint64_t *ret, struct err *err) {
    const char *from = parser->at;
    uint64_t value = 0;
    while (is_digit(*parser->at)) {
        uint64_t digit = (uint64_t)(*parser->at - '0');
        if (value > (SEQUENCE_MAX - digit) / 10) {
            parser->at = from;
            return bad(parser, err, "a number above 9223372036854775806");
        }
        value = value * 10 + digit;
        parser->at++;
    }
    if (parser->at == from || value == 0) {
        parser->at = from;
        return bad(parser, err, "a number from 1 is expected");
    }
    *ret = value;
    return true;
}

static bool read_interval(struct parser *parser, struct err *err) {
    const char *from = parser->at;
    struct gtid_interval interval = {.source = (uint32_t)(parser->source_count - 1)};
    if (!read_sequence(parser, &interval.first, err)) {
        return false;
    }
    interval.last = interval.first;
    skip_blanks(parser);
    if (*parser->at == '-') {
        parser->at++;
        skip_blanks(parser);
        if (!read_sequence(parser, &interval.last, err)) {
            return false;
        }
    }
    if (interval.last < interval.first) {
        parser->at = from;
        return bad(parser, err, "an interval that ends before it begins");
    }
    if (parser->count == parser->room) {
        parser->room = parser->room * 2 + 16;
        parser->intervals = mem_grow(parser->intervals, parser->room, sizeof parser->intervals[0]);
    }
    parser->intervals[parser->count++] = interval;
    return true;
}

static bool begin_source(struct parser *parser, const char *uuid, const char *tag, struct err *err) {
    if (parser->source_count == SOURCES_MAX) {
        return bad(parser, err, "too many server uuids and tags");
    }
    if (parser->source_count == parser->source_room) {
        parser->source_room = parser->source_room * 2 + 4;
        parser->sources = mem_grow(parser->sources, parser->source_room, sizeof parser->sources[0]);
    }
    struct gtid_source *source = &parser->sources[parser->source_count++];
    text_copy(source->uuid, sizeof source->uuid, uuid);
    text_copy(source->tag, sizeof source->tag, tag);
    return true;
}

// uuid:[tag:]interval[:[tag:]interval]... A tag holds until the next one.
static bool read_block(struct parser *parser, struct err *err) {
    char uuid[UUID_SIZE];
    if (!read_uuid(parser, uuid, err) || !begin_source(parser, uuid, "", err)) {
        return false;
    }
    skip_blanks(parser);
    bool interval_due = true;
    bool tag_allowed = true;
    while (*parser->at == ':') {
        parser->at++;
        skip_blanks(parser);
        if (is_digit(*parser->at)) {
            if (!read_interval(parser, err)) {
                return false;
            }
            interval_due = false;
            tag_allowed = true;
        } else {
            char tag[TAG_SIZE];
            if (!tag_allowed) {
                return bad(parser, err, "an interval is expected");
            }
            if (!read_tag(parser, tag, err) || !begin_source(parser, uuid, tag, err)) {
                return false;
            }
            interval_due = true;
            tag_allowed = false;
        }
        skip_blanks(parser);
    }
    return interval_due ? bad(parser, err, "an interval is expected") : true;
}

static bool read_set(struct parser *parser, struct err *err) {
    for (;;) {
        skip_blanks(parser);
        if (*parser->at == ',') {  // MySQL forgives empty blocks
            parser->at++;
            continue;
        }
        if (*parser->at == '\0') {
            return true;
        }
        if (!read_block(parser, err)) {
            return false;
        }
        if (*parser->at != '\0' && *parser->at != ',') {
            return bad(parser, err, "a comma is expected");
        }
    }
}

// ---- building ------------------------------------------------------------------------------------------------------

void gtid_append(struct gtid_set *set, uint32_t source, uint64_t first, uint64_t last) {
    if (set->count > 0) {
        struct gtid_interval *before = &set->intervals[set->count - 1];
        if (before->source == source && first <= before->last + 1) {  // no wrap: last is below 2^63
            before->last = last > before->last ? last : before->last;
            return;
        }
    }
    if (set->count == set->room) {
        set->room = set->room * 2 + 16;
        set->intervals = mem_grow(set->intervals, set->room, sizeof set->intervals[0]);
    }
    set->intervals[set->count++] = (struct gtid_interval){source, first, last};
}

static int order_sources(const void *a, const void *b) {
    return gtid_source_compare(a, b);
}

static int order_intervals(const void *a, const void *b) {
    const struct gtid_interval *left = a;
    const struct gtid_interval *right = b;
    if (left->source != right->source) {
        return left->source < right->source ? -1 : 1;
    }
    return left->first < right->first ? -1 : left->first > right->first;
}

static uint32_t find_source(const struct gtid_source *sources, size_t count, const struct gtid_source *wanted) {
    const struct gtid_source *found = bsearch(wanted, sources, count, sizeof *sources, order_sources);
    return (uint32_t)(found - sources);
}

static struct gtid_set *build(struct parser *parser) {
    struct gtid_set *set = mem_zero(1, sizeof *set);
    if (parser->count == 0) {
        return set;
    }
    set->sources = mem_zero(parser->source_count, sizeof set->sources[0]);
    memcpy(set->sources, parser->sources, parser->source_count * sizeof set->sources[0]);
    qsort(set->sources, parser->source_count, sizeof set->sources[0], order_sources);
    for (size_t i = 0; i < parser->source_count; i++) {
        if (i == 0 || gtid_source_compare(&set->sources[set->source_count - 1], &set->sources[i]) != 0) {
            set->sources[set->source_count++] = set->sources[i];
        }
    }
    for (size_t i = 0; i < parser->count; i++) {
        struct gtid_interval *interval = &parser->intervals[i];
        interval->source = find_source(set->sources, set->source_count, &parser->sources[interval->source]);
    }
    qsort(parser->intervals, parser->count, sizeof parser->intervals[0], order_intervals);
    for (size_t i = 0; i < parser->count; i++) {
        gtid_append(set, parser->intervals[i].source, parser->intervals[i].first, parser->intervals[i].last);
    }
    return set;
}

struct gtid_set *gtid_parse(const char *text, struct err *err) {
    __attribute__((cleanup(parser_drop))) struct parser parser = {.at = text != NULL ? text : ""};
    if (strnlen(parser.at, TEXT_MAX + 1) > TEXT_MAX) {
        err_set(err, ERR_INVALID, 0, "not a GTID set: longer than 16 MiB");
        return NULL;
    }
    return read_set(&parser, err) ? build(&parser) : NULL;
}

// ---- reading -------------------------------------------------------------------------------------------------------

bool gtid_empty(const struct gtid_set *set) {
    return set->count == 0;
}

uint64_t gtid_count(const struct gtid_set *set) {
    uint64_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        uint64_t size = set->intervals[i].last - set->intervals[i].first + 1;
        count = count > UINT64_MAX - size ? UINT64_MAX : count + size;
    }
    return count;
}

bool gtid_has_uuid(const struct gtid_set *set, const char *uuid) {
    for (size_t i = 0; i < set->count; i++) {
        if (strcasecmp(set->sources[set->intervals[i].source].uuid, uuid) == 0) {
            return true;
        }
    }
    return false;
}

void gtid_each(const struct gtid_set *set, gtid_each_fn *each, void *arg) {
    for (size_t i = 0; i < set->count; i++) {
        const struct gtid_interval *interval = &set->intervals[i];
        const struct gtid_source *source = &set->sources[interval->source];
        each(arg, source->uuid, source->tag, interval->first, interval->last);
    }
}

struct writer {
    char *text;
    size_t used, room;
    char uuid[UUID_SIZE], tag[TAG_SIZE];  // of the interval before
};

static void write_interval(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    struct writer *writer = arg;
    if (writer->room - writer->used < UUID_SIZE + TAG_SIZE + 48) {
        writer->room = writer->room * 2 + 256;
        writer->text = mem_grow(writer->text, writer->room, 1);
    }
    char *at = writer->text + writer->used;
    size_t room = writer->room - writer->used;
    bool other_uuid = strcmp(uuid, writer->uuid) != 0;
    bool other_tag = other_uuid || strcmp(tag, writer->tag) != 0;
    text_format(at, room, "%s%s%s%s:%llu", other_uuid && writer->used > 0 ? "," : "", other_uuid ? uuid : "",
                other_tag && *tag != '\0' ? ":" : "", other_tag ? tag : "", (unsigned long long)first);
    writer->used += strlen(at);
    if (last > first) {
        at = writer->text + writer->used;
        text_format(at, writer->room - writer->used, "-%llu", (unsigned long long)last);
        writer->used += strlen(at);
    }
    text_copy(writer->uuid, sizeof writer->uuid, uuid);
    text_copy(writer->tag, sizeof writer->tag, tag);
}

char *gtid_text(const struct gtid_set *set) {
    struct writer writer = {.text = mem_text("")};
    gtid_each(set, write_interval, &writer);
    return writer.text;
}
