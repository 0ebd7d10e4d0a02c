// The text of SHOW CREATE TABLE taken apart: which keys may wait until the rows are in.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "resync/ddl.h"

enum item_kind {
    ITEM_OTHER,    // columns, primary and unique keys, constraints: there from the start
    ITEM_FIXED,    // an ordinary key that has to be there from the start
    ITEM_WAITING,  // one that may wait
};

struct span {
    const char *at;
    size_t length;
};

struct item {
    struct span text;  // without the white space around it and the comma behind it
    enum item_kind kind;
};

static bool begins(struct span text, const char *with) {
    size_t length = strlen(with);
    return text.length >= length && memcmp(text.at, with, length) == 0;
}

// The quoted name at the beginning, quotes included.
static struct span name_at(struct span text) {
    const char *end = begins(text, "`") ? ddl_skip_quoted(text.at) : text.at;
    return (struct span){text.at, (size_t)(end - text.at)};
}

// What stands behind the first `word` that is outside quotes; empty: it is nowhere.
static struct span behind(struct span text, const char *word) {
    for (const char *at = text.at, *end = text.at + text.length; at < end;) {
        struct span rest = {at, (size_t)(end - at)};
        if (begins(rest, word)) {
            return (struct span){at + strlen(word), rest.length - strlen(word)};
        }
        at = *at == '`' || *at == '\'' ? ddl_skip_quoted(at) : at + 1;
    }
    return (struct span){text.at, 0};
}

static bool same(struct span a, struct span b) {
    return a.length > 0 && a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

// Splits what stands between the outer parentheses at its commas. NULL: the text is not understood.
static struct item *split(const char *create, size_t *ret_count, const char **ret_rest) {
    const char *at = behind((struct span){create, strlen(create)}, "(").at;
    struct item *items = NULL;
    size_t count = 0;
    unsigned depth = 1;
    for (const char *from = at; *at;) {
        depth += *at == '(' ? 1U : 0U;
        depth -= *at == ')' ? 1U : 0U;
        if (depth == 0 || (depth == 1 && *at == ',')) {
            while (*from == ' ' || *from == '\n') {
                from++;
            }
            size_t length = (size_t)(at - from);
            while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == '\n')) {
                length--;
            }
            items = mem_grow(items, count + 1, sizeof *items);
            items[count++] = (struct item){.text = {from, length}};
            from = at + 1;
        }
        if (depth == 0) {
            *ret_count = count;
            *ret_rest = at;
            return items;
        }
        at = *at == '`' || *at == '\'' ? ddl_skip_quoted(at) : at + 1;
    }
    free(items);
    return NULL;
}

// The first column of a key's list, which begins behind its parenthesis; empty: an expression.
static struct span first_column(struct span item) {
    return name_at(behind(item, "("));
}

// An expression among the parts stands in parentheses of its own; those of a length follow a name.
static bool has_expression(struct span key) {
    struct span parts = behind(key, "(");
    return !begins(parts, "`") || behind(parts, ",(").length > 0;
}

// A column that counts up, and one that refers to another table, need a key that begins with it from the start.
static bool needed_at_once(const struct item *items, size_t count, struct span key) {
    struct span first = first_column(key);
    for (size_t i = 0; i < count; i++) {
        struct span text = items[i].text;
        bool counts = begins(text, "`") && behind(text, " AUTO_INCREMENT").at != text.at;
        struct span referring = behind(text, " FOREIGN KEY (");
        if ((counts && same(name_at(text), first)) ||
            (begins(text, "CONSTRAINT ") && referring.length > 0 && same(name_at(referring), first))) {
            return true;
        }
    }
    return false;
}

static void sort_out(struct item *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct span text = items[i].text;
        if (begins(text, "KEY ")) {
            bool fixed = has_expression(text) || needed_at_once(items, count, text);
            items[i].kind = fixed ? ITEM_FIXED : ITEM_WAITING;
        } else if (begins(text, "SPATIAL KEY ")) {
            items[i].kind = ITEM_FIXED;
        }
    }
    // A key that is added comes last among the ordinary ones: those in front of a fixed one keep their place.
    bool fixed_behind = false;
    for (size_t i = count; i-- > 0;) {
        fixed_behind |= items[i].kind == ITEM_FIXED;
        if (fixed_behind && items[i].kind == ITEM_WAITING) {
            items[i].kind = ITEM_FIXED;
        }
    }
}

char *ddl_without_keys(const char *create, char **ret_add) {
    size_t count = 0;
    const char *rest = NULL;
    struct item *items = split(create, &count, &rest);
    *ret_add = NULL;
    if (!items) {
        return mem_text(create);
    }
    sort_out(items, count);
    AUTO_TEXT char *body = NULL;
    for (size_t i = 0; i < count; i++) {
        bool waits = items[i].kind == ITEM_WAITING;
        char **text = waits ? ret_add : &body;
        AUTO_TEXT char *piece = mem_format("%s%s%.*s", *text ? ",\n  " : "", waits ? "ADD " : "",
                                           (int)items[i].text.length, items[i].text.at);
        mem_append(text, piece);
    }
    char *without =
        *ret_add ? mem_format("%.*s%s\n%s", (int)(items[0].text.at - create), create, body, rest) : mem_text(create);
    free(items);
    return without;
}
