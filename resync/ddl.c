#include "resync/ddl.h"

#include <string.h>

#include "common/mem.h"

const char *ddl_skip_quoted(const char *at) {
    char quote = *at++;
    while (*at) {
        if (*at == '\\' && quote == '\'' && at[1]) {
            at += 2;
        } else if (*at == quote && at[1] == quote) {
            at += 2;
        } else if (*at == quote) {
            return at + 1;
        } else {
            at++;
        }
    }
    return at;
}

char *ddl_event_for_replica(const char *create) {
    static const char *const clauses[] = {" ON COMPLETION NOT PRESERVE ENABLE", " ON COMPLETION PRESERVE ENABLE"};
    for (const char *at = create; *at;) {
        if (*at == '`' || *at == '\'') {
            at = ddl_skip_quoted(at);
            continue;
        }
        for (unsigned i = 0; i < 2; i++) {
            size_t length = strlen(clauses[i]);
            if (strncmp(at, clauses[i], length) == 0) {
                size_t keep = (size_t)(at - create) + length - strlen("ENABLE");
                return mem_format("%.*sDISABLE ON REPLICA%s", (int)keep, create, at + length);
            }
        }
        at++;
    }
    return mem_text(create);
}

char *ddl_parser(const char *create) {
    static const char clause[] = " WITH PARSER `";
    for (const char *at = create; *at;) {
        if (strncmp(at, clause, sizeof clause - 1) == 0) {
            const char *name = at + sizeof clause - 1;
            return mem_format("%.*s", (int)strcspn(name, "`"), name);
        }
        at = *at == '`' || *at == '\'' ? ddl_skip_quoted(at) : at + 1;
    }
    return NULL;
}

// Where " AUTO_INCREMENT=17" or the " CHARACTER SET x" in front of " COLLATE x_y" ends; `at` itself if neither stands
// there.
static const char *skip_incidental(const char *at) {
    static const char counter[] = " AUTO_INCREMENT=", charset[] = " CHARACTER SET ", collation[] = " COLLATE ";
    if (strncmp(at, counter, sizeof counter - 1) == 0) {
        const char *number = at + sizeof counter - 1;
        return number + strspn(number, "0123456789");
    }
    if (strncmp(at, charset, sizeof charset - 1) == 0) {
        const char *name = at + sizeof charset - 1, *after = name + strcspn(name, " ,\n");
        return strncmp(after, collation, sizeof collation - 1) == 0 ? after : at;
    }
    return at;
}

char *ddl_comparable(const char *create) {
    char *text = mem_text(create), *to = text;
    for (const char *at = create; *at;) {
        const char *next = *at == ' ' ? skip_incidental(at) : at;
        if (next != at) {
            at = next;
            continue;
        }
        next = *at == '`' || *at == '\'' ? ddl_skip_quoted(at) : at + 1;
        memcpy(to, at, (size_t)(next - at));
        to += next - at;
        at = next;
    }
    *to = '\0';
    return text;
}
