// What Relevo needs of a server, held to what SHOW GRANTS says and to what compose/mysql/initdb/10-accounts.sh grants.
#include <ctype.h>

#include "common/mem.h"
#include "common/text.h"
#include "watcher/needs.h"

#include "unit.h"

#define SCRIPT "compose/mysql/initdb/10-accounts.sh"
#define STATIC "GRANT RELOAD, PROCESS, REPLICATION CLIENT, EVENT ON *.* TO `relevo`@`%`"
#define DYNAMIC \
    "GRANT CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN,SYSTEM_USER,SYSTEM_VARIABLES_ADMIN ON *.* TO `relevo`@`%`"
#define PFS "GRANT SELECT ON `performance_schema`.* TO `relevo`@`%`"
#define OWN "GRANT ALL PRIVILEGES ON `relevo`.* TO `relevo`@`%`"
#define MARK "GRANT SELECT ON `relevo\\_rebuild`.* TO `relevo`@`%`"

enum { LINES = 8 };

static struct lacks judge(const char *const *lines) {
    struct lacks lacks = {0};
    size_t count = 0;
    while (count < LINES && lines[count]) {
        count++;
    }
    needs_grants(lines, count, "relevo@%", &lacks);
    return lacks;
}

static void grants_are_read_as_the_server_tells_them(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *lines[LINES];
        const char *lacks;  // NULL: nothing
    } rows[] = {
        {"as it should be", {STATIC, DYNAMIC, PFS, OWN, MARK}, NULL},
        {"in another order", {MARK, OWN, PFS, DYNAMIC, STATIC}, NULL},
        {"root", {"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", DYNAMIC}, NULL},
        {"everything to read", {STATIC, DYNAMIC, "GRANT SELECT, INSERT, UPDATE, CREATE ON *.* TO `relevo`@`%`"}, NULL},
        {"by a role that is active", {STATIC, DYNAMIC, PFS, OWN, MARK, "GRANT `ops`@`%` TO `relevo`@`%`"}, NULL},
        {"wildcards", {STATIC, DYNAMIC, PFS, "GRANT ALL PRIVILEGES ON `relevo%`.* TO `relevo`@`%`"}, NULL},
        {"one character", {STATIC, DYNAMIC, PFS, OWN, "GRANT SELECT ON `relevo_rebuild`.* TO `relevo`@`%`"}, NULL},
        {"with grant option",
         {STATIC " WITH GRANT OPTION", DYNAMIC " WITH GRANT OPTION", PFS, OWN, MARK}, NULL},
        {"nothing", {"GRANT USAGE ON *.* TO `relevo`@`%`"},
         "REPLICATION CLIENT, PROCESS, RELOAD, EVENT, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, SYSTEM_USER,"
         " REPLICATION_SLAVE_ADMIN, SELECT ON performance_schema.*, SELECT, INSERT, UPDATE, CREATE ON relevo.*,"
         " SELECT ON relevo_rebuild.*"},
        {"no dynamic ones", {STATIC, PFS, OWN, MARK},
         "SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, SYSTEM_USER, REPLICATION_SLAVE_ADMIN"},
        {"a name that begins alike",
         {STATIC, "GRANT CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN,SYSTEM_USERS,SYSTEM_VARIABLES_ADMIN ON *.* TO"
                  " `relevo`@`%`", PFS, OWN, MARK},
         "SYSTEM_USER"},
        {"on a table only", {STATIC, DYNAMIC, PFS, MARK, "GRANT SELECT, INSERT, UPDATE, CREATE ON `relevo`.`epoch` TO `relevo`@`%`"},
         "SELECT, INSERT, UPDATE, CREATE ON relevo.*"},
        {"of columns", {STATIC, DYNAMIC, PFS, MARK, "GRANT SELECT (`epoch`, `why`), INSERT, UPDATE, CREATE ON `relevo`.`epoch` TO `relevo`@`%`"},
         "SELECT, INSERT, UPDATE, CREATE ON relevo.*"},
        {"another schema", {STATIC, DYNAMIC, PFS, MARK, "GRANT ALL PRIVILEGES ON `relevo2`.* TO `relevo`@`%`"},
         "SELECT, INSERT, UPDATE, CREATE ON relevo.*"},
        {"only to read", {STATIC, DYNAMIC, PFS, MARK, "GRANT SELECT ON `relevo`.* TO `relevo`@`%`"},
         "INSERT, UPDATE, CREATE ON relevo.*"},
        {"revoked in one schema",
         {STATIC, DYNAMIC, "GRANT SELECT, INSERT, UPDATE, CREATE ON *.* TO `relevo`@`%`", "REVOKE INSERT ON `relevo`.* FROM `relevo`@`%`"},
         "INSERT ON relevo.*"},
        {"revoked in another",
         {STATIC, DYNAMIC, "GRANT SELECT, INSERT, UPDATE, CREATE ON *.* TO `relevo`@`%`", "REVOKE INSERT ON `mysql`.* FROM `relevo`@`%`"},
         NULL},
        {"a schema's do not reach all", {DYNAMIC, PFS, OWN, MARK, "GRANT RELOAD, PROCESS, REPLICATION CLIENT, EVENT ON `x`.* TO `relevo`@`%`"},
         "REPLICATION CLIENT, PROCESS, RELOAD, EVENT"},
        {"a proxy", {STATIC, DYNAMIC, PFS, OWN, MARK, "GRANT PROXY ON ``@`` TO `relevo`@`%`"}, NULL},
        {"garbage", {STATIC, DYNAMIC, PFS, OWN, MARK, "GRANT", "GRANT  ON ", "GRANT x ON `"}, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lacks lacks = judge(rows[i].lines);
        const struct lack *it = &lacks.of[LACK_PRIVILEGE];
        if (it->lacks != (rows[i].lacks != NULL)) {
            fail_msg("%s: %s", rows[i].name, it->lacks ? it->what : "nothing lacks");
        }
        // What is shown may be cut, what is there must be right.
        if (rows[i].lacks && strncmp(it->what, rows[i].lacks, strlen(it->what)) != 0) {
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].name, it->what, rows[i].lacks);
        }
    }
}

static void what_lacks_is_mended_by_a_statement(void **state) {
    (void)state;
    static const char *const lines[LINES] = {STATIC, PFS, OWN};
    struct lacks lacks = judge(lines);
    assert_string_equal(lacks.of[LACK_PRIVILEGE].mend,
                        "GRANT SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, SYSTEM_USER, REPLICATION_SLAVE_ADMIN ON *.* TO"
                        " 'relevo'@'%'; GRANT SELECT ON `relevo\\_rebuild`.* TO 'relevo'@'%';");
    assert_int_equal(lacks_worst(&lacks), LACK_PRIVILEGE);
    assert_true(lack_unable(LACK_PRIVILEGE) && lack_unable(LACK_LOGIN) && !lack_unable(LACK_REPL));
    static const struct {
        int number;
        const char *mend;
    } logins[] = {
        {1045, "CREATE USER IF NOT EXISTS 'repl'@'%'; ALTER USER 'repl'@'%' IDENTIFIED BY '<RELEVO_REPL_PASSWORD>';"},
        {1862, "ALTER USER 'repl'@'%' IDENTIFIED BY '<RELEVO_REPL_PASSWORD>' PASSWORD EXPIRE NEVER;"},
        {1820, "ALTER USER 'repl'@'%' IDENTIFIED BY '<RELEVO_REPL_PASSWORD>' PASSWORD EXPIRE NEVER;"},
        {3118, "ALTER USER 'repl'@'%' ACCOUNT UNLOCK;"},
        {3955, "ALTER USER 'repl'@'%' ACCOUNT UNLOCK;"},
        {1226, "SHOW CREATE USER 'repl'@'%';"},
    };
    for (size_t i = 0; i < COUNT_OF(logins); i++) {
        struct lacks found = {0};
        needs_login("repl", logins[i].number, "refused", "RELEVO_REPL_PASSWORD", LACK_REPL, &found);
        assert_int_equal(lacks_worst(&found), LACK_REPL);
        assert_string_equal(found.of[LACK_REPL].mend, logins[i].mend);
        assert_string_equal(found.of[LACK_REPL].what, "refused");
    }
    struct lacks none = {0};
    assert_int_equal(lacks_worst(&none), -1);
}

static void settings_that_differ_are_named_together(void **state) {
    (void)state;
    struct lacks lacks = {0};
    needs_setting("log_bin", "1", "1", LACK_BINLOG, &lacks);
    assert_int_equal(lacks_worst(&lacks), -1);
    needs_setting("binlog_row_image", "MINIMAL", "FULL", LACK_BINLOG, &lacks);
    needs_setting("log_replica_updates", NULL, "1", LACK_BINLOG, &lacks);
    assert_string_equal(lacks.of[LACK_BINLOG].what, "binlog_row_image=MINIMAL, log_replica_updates=?");
    assert_string_equal(lacks.of[LACK_BINLOG].mend, "binlog_row_image=FULL, log_replica_updates=1");
}

// --- the script that makes the accounts ---

// What it gives to the account, as SHOW GRANTS would say it. Comments and line ends go.
static size_t granted_by_script(const char *account, char lines[][2000], size_t most) {
    static char text[32768], plain[32768];
    FILE *file = fopen(SCRIPT, "r");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[bytes] = '\0';
    size_t used = 0;
    for (const char *at = text; *at; at++) {
        if (at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\n");
        }
        bool escapes = at[0] == '\\' && (at[1] == '`' || at[1] == '\\');  // of the here-document
        bool space = isspace((unsigned char)*at) != 0;
        if (escapes || (space && used && plain[used - 1] == ' ')) {
            continue;
        }
        plain[used++] = space ? ' ' : *at;
    }
    plain[used] = '\0';
    size_t count = 0;
    for (char *at = plain, *end; (at = strstr(at, "GRANT ")) != NULL && (end = strchr(at, ';')) != NULL; at = end) {
        *end++ = '\0';
        char *to = strstr(at, " TO $"), *on = strstr(at, " ON ");
        if (!to || !on || strncmp(to + 5, account, strlen(account)) != 0 || count == most) {
            continue;
        }
        *to = *on = '\0';
        char schema[100];
        const char *what = on + 4;
        bool all = strcmp(what, "*.*") == 0;
        (void)text_copy(schema, sizeof schema, *what == '`' ? what + 1 : what);
        schema[strcspn(schema, "`.")] = '\0';
        if (strcmp(schema, "$mark") == 0) {
            (void)text_copy(schema, sizeof schema, "relevo\\_rebuild");
        }
        (void)snprintf(lines[count++], 2000, all ? "%s ON *.* TO x" : "%s ON `%s`.* TO x", at, schema);
    }
    return count;
}

static void the_script_grants_what_is_needed(void **state) {
    (void)state;
    static char made[40][2000];
    const char *lines[40];
    size_t count = granted_by_script("control", made, COUNT_OF(made));
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        lines[i] = made[i];
    }
    struct lacks lacks = {0};
    needs_grants(lines, count, "relevo@%", &lacks);
    if (lacks.of[LACK_PRIVILEGE].lacks) {
        fail_msg("%s does not grant %s", SCRIPT, lacks.of[LACK_PRIVILEGE].what);
    }
    count = granted_by_script("repl", made, COUNT_OF(made));
    needs_grant(lines, count, "REPLICATION SLAVE", "repl@%", LACK_REPL, &lacks);
    assert_int_equal(lacks_worst(&lacks), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_are_read_as_the_server_tells_them),
        cmocka_unit_test(what_lacks_is_mended_by_a_statement),
        cmocka_unit_test(settings_that_differ_are_named_together),
        cmocka_unit_test(the_script_grants_what_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
