#include "watcher/needs.h"

#include <string.h>

#include "common/text.h"

#define ANY "*"

static const struct need {
    const char *privilege, *schema;
} needs[] = {
#define X(privilege, schema) {privilege, schema},
    NEEDED_PRIVILEGES(X)
#undef X
};

static const struct {
    enum msg msg;
    bool unable;
} kinds[] = {
#define X(id, msg, unable) [id] = {msg, unable},
    LACKS(X)
#undef X
};

enum {
    ER_ACCESS_DENIED = 1045,
    ER_LOCKED = 3118,
    ER_LOCKED_BY_FAILURES = 3955,
    ER_EXPIRED = 1862,
    ER_EXPIRED_SANDBOX = 1820,
};

enum msg lack_msg(enum lack_kind kind) {
    return kinds[kind].msg;
}

bool lack_unable(enum lack_kind kind) {
    return kinds[kind].unable;
}

int lacks_worst(const struct lacks *lacks) {
    for (int i = 0; i < LACK_COUNT; i++) {
        if (lacks->of[i].lacks) {
            return i;
        }
    }
    return -1;
}

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

// --- grants ---

// As MySQL matches the schema of a grant: % and _ are wildcards unless a backslash stands before.
static bool like(const char *pattern, const char *text) {
    for (; *pattern; pattern++, text++) {
        if (*pattern == '%') {
            for (const char *rest = text;; rest++) {
                if (like(pattern + 1, rest)) {
                    return true;
                }
                if (*rest == '\0') {
                    return false;
                }
            }
        }
        bool wild = *pattern == '_';
        pattern += *pattern == '\\' && pattern[1] ? 1 : 0;
        if (*text == '\0' || (!wild && *pattern != *text)) {
            return false;
        }
    }
    return *text == '\0';
}

// "GRANT a, b ON `schema`.* TO ..." or "REVOKE ... FROM": the list of privileges and the schema, "*" for all. False for
// what is granted on a table or a routine, a role, a proxy.
struct grant {
    bool revoke;
    const char *list;
    size_t list_bytes;
    char schema[200];
};

static bool read_grant(const char *line, struct grant *ret) {
    bool grants = starts(line, "GRANT "), revokes = starts(line, "REVOKE ");
    const char *on = strstr(line, " ON ");
    if ((!grants && !revokes) || !on) {
        return false;
    }
    ret->revoke = revokes;
    ret->list = line + (grants ? 6 : 7);
    ret->list_bytes = (size_t)(on - ret->list);
    const char *what = on + 4;
    if (starts(what, "*.* ")) {
        return text_copy(ret->schema, sizeof ret->schema, ANY);
    }
    size_t used = 0;
    if (*what++ != '`') {
        return false;
    }
    for (; *what && (*what != '`' || what[1] == '`'); what++) {
        what += *what == '`' ? 1 : 0;  // a backquote in a name is doubled
        if (used + 1 >= sizeof ret->schema) {
            return false;
        }
        ret->schema[used++] = *what;
    }
    ret->schema[used] = '\0';
    return starts(what, "`.* ");
}

static bool lists(const struct grant *grant, const char *privilege) {
    size_t length = strlen(privilege);
    for (const char *at = grant->list; at < grant->list + grant->list_bytes;) {
        at += strspn(at, " ");
        size_t bytes = strcspn(at, ",");
        size_t left = (size_t)(grant->list + grant->list_bytes - at);
        bytes = bytes < left ? bytes : left;
        if ((bytes == length && strncmp(at, privilege, length) == 0) ||
            (bytes == 14 && strncmp(at, "ALL PRIVILEGES", 14) == 0) || (bytes == 3 && strncmp(at, "ALL", 3) == 0)) {
            return true;
        }
        at += bytes + 1;
    }
    return false;
}

// What is revoked in one schema (partial_revokes) is not granted there by a grant on all.
static bool granted(const char *const *lines, size_t count, const char *privilege, const char *schema) {
    bool has = false, revoked = false;
    for (size_t i = 0; i < count; i++) {
        struct grant grant;
        if (!read_grant(lines[i], &grant) || !lists(&grant, privilege)) {
            continue;
        }
        bool everywhere = text_equal(grant.schema, ANY), here = !everywhere && like(grant.schema, schema);
        revoked |= grant.revoke && here && text_equal(grant.schema, schema);
        has |= !grant.revoke && (everywhere || (here && !text_equal(schema, ANY)));
    }
    return has && !revoked;
}

static void append(char *out, size_t size_bytes, const char *between, const char *more) {
    size_t used = strlen(out);
    (void)text_format(out + used, size_bytes - used, "%s%s", used ? between : "", more);
}

// user@host as CURRENT_USER() says, quoted for a statement.
static void quoted(const char *account, char *out, size_t size_bytes) {
    const char *at = strrchr(account, '@');
    size_t user = at ? (size_t)(at - account) : strlen(account);
    (void)text_format(out, size_bytes, "'%.*s'@'%s'", (int)user, account, at ? at + 1 : "%");
}

static void lack_grant(struct lack *lack, const char *privileges, const char *schema, const char *account) {
    char who[120], escaped[100] = ANY, statement[300];
    quoted(account, who, sizeof who);
    if (text_equal(schema, "relevo_rebuild")) {
        (void)text_copy(escaped, sizeof escaped, "`relevo\\_rebuild`");
    } else if (!text_equal(schema, ANY)) {
        (void)text_copy(escaped, sizeof escaped, schema);
    }
    lack->lacks = true;
    (void)text_copy(lack->account, sizeof lack->account, account);
    char what[200];
    (void)text_format(what, sizeof what, text_equal(schema, ANY) ? "%s" : "%s ON %s.*", privileges, schema);
    append(lack->what, sizeof lack->what, ", ", what);
    (void)text_format(statement, sizeof statement, "GRANT %s ON %s.* TO %s;", privileges, escaped, who);
    append(lack->mend, sizeof lack->mend, " ", statement);
}

void needs_grants(const char *const *lines, size_t count, const char *account, struct lacks *lacks) {
    const char *done = NULL;  // schemas stand together in the table
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        char list[300] = "";
        if (done && text_equal(done, needs[i].schema)) {
            continue;
        }
        done = needs[i].schema;
        for (size_t k = i; k < sizeof needs / sizeof *needs && text_equal(needs[k].schema, done); k++) {
            if (!granted(lines, count, needs[k].privilege, done)) {
                append(list, sizeof list, ", ", needs[k].privilege);
            }
        }
        if (*list) {
            lack_grant(&lacks->of[LACK_PRIVILEGE], list, done, account);
        }
    }
}

void needs_grant(const char *const *lines, size_t count, const char *privilege, const char *account,
                 enum lack_kind kind, struct lacks *lacks) {
    if (!granted(lines, count, privilege, ANY)) {
        lack_grant(&lacks->of[kind], privilege, ANY, account);
    }
}

// --- logins and settings ---

void needs_login(const char *user, int error_number, const char *error, const char *password, enum lack_kind kind,
                 struct lacks *lacks) {
    struct lack *lack = &lacks->of[kind];
    lack->lacks = true;
    (void)text_copy(lack->account, sizeof lack->account, user);
    (void)text_copy(lack->what, sizeof lack->what, error);
    bool locked = error_number == ER_LOCKED || error_number == ER_LOCKED_BY_FAILURES;
    bool expired = error_number == ER_EXPIRED || error_number == ER_EXPIRED_SANDBOX;
    bool denied = error_number == ER_ACCESS_DENIED;
    char *mend = lack->mend;
    if (locked) {
        (void)text_format(mend, sizeof lack->mend, "ALTER USER '%s'@'%%' ACCOUNT UNLOCK;", user);
    } else if (expired) {
        (void)text_format(mend, sizeof lack->mend, "ALTER USER '%s'@'%%' IDENTIFIED BY '<%s>' PASSWORD EXPIRE NEVER;",
                          user, password);
    } else if (denied) {
        (void)text_format(mend, sizeof lack->mend,
                          "CREATE USER IF NOT EXISTS '%s'@'%%'; ALTER USER '%s'@'%%' IDENTIFIED BY '<%s>';", user, user,
                          password);
    } else {
        (void)text_format(mend, sizeof lack->mend, "SHOW CREATE USER '%s'@'%%';", user);
    }
}

void needs_setting(const char *name, const char *found, const char *wanted, enum lack_kind kind, struct lacks *lacks) {
    struct lack *lack = &lacks->of[kind];
    if (found && text_equal(found, wanted)) {
        return;
    }
    char text[100];
    lack->lacks = true;
    (void)text_format(text, sizeof text, "%s=%s", name, found ? found : "?");
    append(lack->what, sizeof lack->what, ", ", text);
    (void)text_format(text, sizeof text, "%s=%s", name, wanted);
    append(lack->mend, sizeof lack->mend, ", ", text);
}

void needs_unheld(const char *id, const char *account, struct lacks *lacks) {
    struct lack *lack = &lacks->of[LACK_UNHELD];
    lack->lacks = true;
    (void)text_copy(lack->account, sizeof lack->account, account);
    (void)text_copy(lack->what, sizeof lack->what, id);
    (void)text_format(lack->mend, sizeof lack->mend, "KILL %s;", id);
}
