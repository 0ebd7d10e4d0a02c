#include "common/settings.h"

#include <unistd.h>

#include "common/text.h"
#include "unit.h"

#define SECRETS                                                                                                         \
    "RELEVO_CONTROL_PASSWORD=c0ntrol", "RELEVO_RESYNC_PASSWORD=r3sync", "RELEVO_EVENTS_PASSWORD=3vents",                \
        "RELEVO_REPL_PASSWORD=r3pl", "RELEVO_REDIS_PASSWORD=r3dis"

static bool load(enum service service, const char *const *environment, struct settings *ret, struct err *err) {
    *err = (struct err){0};
    return settings_load(service, environment, ret, err);
}

static void defaults(void **state) {
    (void)state;
    const char *const environment[] = {"PATH=/bin", SECRETS, NULL};
    struct settings settings;
    struct err err;
    if (!load(SERVICE_WATCHER, environment, &settings, &err)) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(settings.cluster, "appdb");
    assert_int_equal(settings.node_count, 2);
    assert_string_equal(settings.nodes[0].name, "mysql-primary");
    assert_string_equal(settings.nodes[1].name, "mysql-replica");
    assert_int_equal(settings.nodes[1].port, 3306);
    assert_string_equal(settings.preferred, "");
    assert_true(settings.failback_auto);
    assert_int_equal(settings.mode, MODE_ASYNC);
    assert_string_equal(settings.control_user, "relevo");
    assert_string_equal(settings.control_password, "c0ntrol");
    assert_string_equal(settings.repl_password, "r3pl");
    assert_string_equal(settings.redis_host, "redis");
    assert_int_equal(settings.redis_port, 6379);
    assert_int_equal(settings.probe_ms, 100);
    assert_int_equal(settings.silent_ms, 3000);
    assert_int_equal(settings.failover_limit, 12);
    assert_int_equal(settings.failover_limit_ms, 300000);
    assert_string_equal(settings.http_host, "0.0.0.0");
    assert_int_equal(settings.http_port, 8000);
    assert_int_equal(settings.lang, LANG_ES);
    assert_int_equal(settings_node(&settings, "mysql-replica"), 1);
    assert_int_equal(settings_node(&settings, "nobody"), -1);
}

static void accepted(void **state) {
    (void)state;
    static const char *const rows[] = {
        "RELEVO_CLUSTER=shop_2",
        "RELEVO_NODES=a",
        "RELEVO_NODES=a:1,b:65535,c",
        "RELEVO_NODES=a1,a2,a3,a4,a5,a6,a7,a8,a9",
        "RELEVO_PREFERRED=mysql-replica",
        "RELEVO_FAILBACK=manual",
        "RELEVO_VERIFY=manual",
        "RELEVO_MODE=async",
        "RELEVO_REDIS=10.0.0.1:7000",
        "RELEVO_REDIS=[::1]:7000",
        "RELEVO_REDIS_USER=watcher",
        "RELEVO_PROBE_MS=20",
        "RELEVO_PROBE_MS=",
        "RELEVO_SILENT_MS=600000",
        "RELEVO_FAILOVER_LIMIT=1/1s",
        "RELEVO_FAILOVER_LIMIT=30/86400s",
        "RELEVO_LANG=en",
        "RELEVO_LOG_LEVEL=debug",
        "RELEVO_API_TOKEN=read by another service",
        "NOT_RELEVO=1",
        "RELEVOX=1",
        "RELEVO_REPL_PASSWORD=exactly32bytesexactly32bytes1234",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *const environment[] = {rows[i], SECRETS, NULL};
        struct settings settings;
        struct err err;
        if (!load(SERVICE_WATCHER, environment, &settings, &err)) {
            fail_msg("\"%s\": %s", rows[i], err.text);
        }
    }
}

// With the primary they are always a majority of the nodes.
static void lossless_waits_for_a_majority(void **state) {
    (void)state;
    static const struct {
        const char *nodes;
        int acks;
    } rows[] = {{"RELEVO_NODES=a,b", 1}, {"RELEVO_NODES=a,b,c", 1}, {"RELEVO_NODES=a,b,c,d", 2}, {"RELEVO_NODES=a,b,c,d,e", 2}};
    struct settings settings;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *const environment[] = {rows[i].nodes, SECRETS, NULL};
        assert_row(rows[i].nodes, load(SERVICE_WATCHER, environment, &settings, &err));
        assert_row(rows[i].nodes, settings_acks(&settings) == 0);
        settings.mode = MODE_LOSSLESS;
        assert_row(rows[i].nodes, settings_acks(&settings) == rows[i].acks);
    }
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *given, *says;
    } rows[] = {
        {"RELEVO_CLUSTER=App", "a-z 0-9 _"},
        {"RELEVO_CLUSTER=a;drop", "a-z 0-9 _"},
        {"RELEVO_CLUSTER=0123456789012345678901234567890123456789012345678901234567890123", "1 to 63"},
        {"RELEVO_NODES=a,a", "different"},
        {"RELEVO_NODES=a,A:1", "different"},
        {"RELEVO_NODES=a,,b", "name[:port]"},
        {"RELEVO_NODES=a b", "name[:port]"},
        {"RELEVO_NODES=-a", "name[:port]"},
        {"RELEVO_NODES=a.b", "name[:port]"},
        {"RELEVO_NODES=a:0", "name[:port]"},
        {"RELEVO_NODES=a:65536", "name[:port]"},
        {"RELEVO_NODES=a:x", "name[:port]"},
        {"RELEVO_NODES=1,2,3,4,5,6,7,8,9,10", "1 to 9"},
        {"RELEVO_PREFERRED=elsewhere", "RELEVO_NODES"},
        {"RELEVO_FAILBACK=yes", "auto or manual"},
        {"RELEVO_MODE=sync", "async or lossless"},
        {"RELEVO_CONTROL_USER=a'b", "A-Z a-z"},
        {"RELEVO_REPL_PASSWORD=exactly32bytesexactly32bytes12345", "32"},
        {"RELEVO_CONTROL_PASSWORD=two\nlines", "printable"},
        {"RELEVO_TLS_CA=ca.pem", "absolute path"},
        {"RELEVO_TLS_CA=/nowhere/ca.pem", "cannot open /nowhere/ca.pem"},
        {"RELEVO_TLS_CA_ON_SERVERS=ca.pem", "absolute path"},
        {"RELEVO_REDIS=redis", "host:port"},
        {"RELEVO_REDIS=:6379", "host:port"},
        {"RELEVO_PROBE_MS=0", "20 to 5000 ms"},
        {"RELEVO_PROBE_MS=1e2", "20 to 5000 ms"},
        {"RELEVO_PROBE_MS=-100", "20 to 5000 ms"},
        {"RELEVO_SILENT_MS=99999999999999999999", "500 to 600000 ms"},
        {"RELEVO_FAILOVER_LIMIT=12", "12/300s"},
        {"RELEVO_FAILOVER_LIMIT=31/300s", "12/300s"},
        {"RELEVO_FAILOVER_LIMIT=0/300s", "12/300s"},
        {"RELEVO_FAILOVER_LIMIT=12/300", "12/300s"},
        {"RELEVO_FAILOVER_LIMIT=12/s", "12/300s"},
        {"RELEVO_FAILOVER_LIMIT=/", "12/300s"},
        {"RELEVO_FAILOVER_LIMIT=12/99999999s", "12/300s"},
        {"RELEVO_LANG=fr", "es or en"},
        {"RELEVO_LOG_LEVEL=loud", "debug, info, warn or error"},
        {"RELEVO_VERIFI=auto", "did you mean RELEVO_VERIFY?"},
        {"RELEVO_PROBE=100", "did you mean RELEVO_PROBE_MS?"},
        {"RELEVO_CLUSTR=x", "did you mean RELEVO_CLUSTER?"},
        {"RELEVO_", "not a setting"},
        {"RELEVO_MODE_FILE=/x", "did you mean RELEVO_MODE?"},
        {"RELEVO_REDIS_PASSWORD_FILE=/run/x", "both set"},
        {"RELEVO_AN_UNKNOWN_NAME_THAT_IS_LONGER_THAN_ANY_BUFFER_MAY_EVER_WANT_TO_BE=1", "not a setting"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *const environment[] = {rows[i].given, SECRETS, NULL};
        struct settings settings;
        memset(&settings, 'X', sizeof settings);
        struct err err;
        assert_row(rows[i].given, !load(SERVICE_WATCHER, environment, &settings, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        if (strstr(err.text, rows[i].says) == NULL) {
            fail_msg("\"%s\" is refused by \"%s\", without \"%s\"", rows[i].given, err.text, rows[i].says);
        }
        // The line says which, so it begins with the name (without its value).
        assert_memory_equal(err.text, "RELEVO_", 7);
        assert_int_equal(((char *)&settings)[0], 'X');
    }
}

static const char *write_file(const char *text) {
    static char path[] = "/tmp/relevo-settings-XXXXXX";
    (void)text_copy(path, sizeof path, "/tmp/relevo-settings-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return path;
}

#define PEM "a comment\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

static void whom_to_trust(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {PEM, NULL},
        {"", "holds no PEM certificate"},
        {"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "holds no PEM certificate"},
        {"-----BEGIN CERTIFICATE-----\nMIIB\n", "holds no PEM certificate"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *path = write_file(rows[i].text);
        char setting[128];
        text_format(setting, sizeof setting, "RELEVO_TLS_CA=%s", path);
        const char *const environment[] = {setting, SECRETS, NULL};
        struct settings settings;
        struct err err;
        bool ok = load(SERVICE_RESYNC, environment, &settings, &err);
        (void)unlink(path);
        assert_row(rows[i].text, ok == !rows[i].says);
        if (rows[i].says) {
            assert_non_null(strstr(err.text, rows[i].says));
            assert_non_null(strstr(err.text, path));
        } else {
            assert_string_equal(settings.tls_ca, path);
            assert_string_equal(settings.tls_ca_on_servers, path);
        }
    }
    const char *const elsewhere[] = {"RELEVO_TLS_CA_ON_SERVERS=/etc/mysql/ca.pem", SECRETS, NULL};
    struct settings settings;
    struct err err;
    assert_true(load(SERVICE_WATCHER, elsewhere, &settings, &err));
    assert_string_equal(settings.tls_ca, "");
    assert_string_equal(settings.tls_ca_on_servers, "/etc/mysql/ca.pem");
}

static void values_that_contradict(void **state) {
    (void)state;
    const char *const environment[] = {"RELEVO_PROBE_MS=5000", "RELEVO_SILENT_MS=6000", SECRETS, NULL};
    struct settings settings;
    struct err err;
    assert_false(load(SERVICE_WATCHER, environment, &settings, &err));
    assert_non_null(strstr(err.text, "twice"));
}

static void a_secret_is_never_told(void **state) {
    (void)state;
    static const char *const rows[] = {
        "RELEVO_CONTROL_PASSWORD=hunter2\x01",
        "RELEVO_REPL_PASSWORD=hunter2hunter2hunter2hunter2hunter2",
        "RELEVO_API_TOKEN=hunter2 with blanks",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *const environment[] = {rows[i], SECRETS, NULL};
        struct settings settings;
        struct err err;
        enum service service = i == 2 ? SERVICE_DASHBOARD : SERVICE_WATCHER;
        assert_row(rows[i], !load(service, environment, &settings, &err));
        assert_null(strstr(err.text, "hunter2"));
    }
}

static void needed_secrets(void **state) {
    (void)state;
    static const char *const all[] = {SECRETS};
    static const struct {
        const char *name;
        bool watcher, resync;
    } needed[] = {{"RELEVO_CONTROL_PASSWORD", true, false},
                  {"RELEVO_RESYNC_PASSWORD", false, true},
                  {"RELEVO_EVENTS_PASSWORD", true, true},
                  {"RELEVO_REPL_PASSWORD", true, true},
                  {"RELEVO_REDIS_PASSWORD", true, true}};
    static const enum service services[] = {SERVICE_WATCHER, SERVICE_RESYNC};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        const char *environment[COUNT_OF(all)] = {NULL};  // all but this one
        for (size_t k = 0, count = 0; k < COUNT_OF(all); k++) {
            if (strncmp(all[k], needed[i].name, strlen(needed[i].name)) != 0) {
                environment[count++] = all[k];
            }
        }
        for (size_t j = 0; j < COUNT_OF(services); j++) {
            struct settings settings;
            struct err err;
            bool needs = services[j] == SERVICE_WATCHER ? needed[i].watcher : needed[i].resync;
            assert_row(needed[i].name, load(services[j], environment, &settings, &err) == !needs);
            if (needs) {
                assert_memory_equal(err.text, needed[i].name, strlen(needed[i].name));
                assert_non_null(strstr(err.text, "_FILE"));
            }
        }
    }
    const char *const none[] = {NULL};
    struct settings settings;
    struct err err;
    assert_true(load(SERVICE_DASHBOARD, none, &settings, &err));
}

// What the other services read is not ours to judge, and their secrets are not ours to hold.
static void only_ones_own(void **state) {
    (void)state;
    const char *const environment[] = {SECRETS, "RELEVO_API_TOKEN=token", NULL};
    struct settings settings;
    struct err err;
    assert_true(load(SERVICE_DASHBOARD, environment, &settings, &err));
    assert_string_equal(settings.control_password, "");
    assert_string_equal(settings.repl_password, "");
    assert_string_equal(settings.api_token, "token");
    assert_true(load(SERVICE_WATCHER, environment, &settings, &err));
    assert_string_equal(settings.api_token, "");
}

// ---- secrets in files ----------------------------------------------------------------------------------------------

static void load_file(const char *bytes, size_t length, bool ok, const char *wanted) {
    char path[] = "/tmp/relevo-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
    char setting[80];
    snprintf(setting, sizeof setting, "RELEVO_API_TOKEN_FILE=%s", path);
    const char *const environment[] = {setting, "RELEVO_API_TOKEN=", NULL};
    struct settings settings;
    struct err err;
    bool loaded = load(SERVICE_DASHBOARD, environment, &settings, &err);
    unlink(path);
    assert_int_equal(loaded, ok);
    if (ok) {
        assert_string_equal(settings.api_token, wanted);
    } else {
        assert_non_null(strstr(err.text, "RELEVO_API_TOKEN"));
        assert_null(strstr(err.text, "s3cret"));
    }
}

static void secrets_from_files(void **state) {
    (void)state;
    char longest[300];
    memset(longest, 'a', sizeof longest);
    char wanted[256];
    memset(wanted, 'a', 255);
    wanted[255] = '\0';
    load_file("s3cret", 6, true, "s3cret");
    load_file("s3cret\n", 7, true, "s3cret");
    load_file("s3cret\r\n", 8, true, "s3cret");
    load_file("s3cret\n\n", 8, false, "");
    load_file("s3\0cret", 7, false, "");
    load_file("", 0, false, "");
    load_file("\n", 1, false, "");
    load_file(longest, 255, true, wanted);
    load_file(longest, 256, false, "");
    load_file(longest, 300, false, "");
}

static void unreadable_files(void **state) {
    (void)state;
    static const struct {
        const char *given, *says;
    } rows[] = {
        {"RELEVO_API_TOKEN_FILE=/nonexistent/token", "No such file"},
        {"RELEVO_API_TOKEN_FILE=/tmp", "Is a directory"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *const environment[] = {rows[i].given, NULL};
        struct settings settings;
        struct err err;
        assert_row(rows[i].given, !load(SERVICE_DASHBOARD, environment, &settings, &err));
        assert_non_null(strstr(err.text, "RELEVO_API_TOKEN_FILE"));
        assert_non_null(strstr(err.text, rows[i].says));
        assert_null(strchr(err.text, '\n'));
    }
}

// ---- --check -------------------------------------------------------------------------------------------------------

static char *printed(enum service service, const struct settings *settings) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    settings_print(service, settings, out);
    fclose(out);
    return text;
}

static void the_effective_table(void **state) {
    (void)state;
    const char *const environment[] = {SECRETS, "RELEVO_NODES=a:1,b", "RELEVO_LANG=en", NULL};
    struct settings settings;
    struct err err;
    assert_true(load(SERVICE_WATCHER, environment, &settings, &err));
    char *text = printed(SERVICE_WATCHER, &settings);
    assert_null(strstr(text, "c0ntrol"));
    assert_null(strstr(text, "r3pl"));
    assert_null(strstr(text, "r3dis"));
    assert_null(strstr(text, "3vents"));
    assert_non_null(strstr(text, "a:1,b:3306"));
    assert_non_null(strstr(text, "12/300s"));
    assert_null(strstr(text, "RELEVO_HTTP")); // the dashboard's
    assert_string_equal(text + strlen(text) - 17, "configuration OK\n");

    // Aligned: every value begins in the same column.
    size_t column = 0;
    unsigned set = 0;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL && strncmp(line, "RELEVO_", 7) == 0;
         line = strsep(&rest, "\n")) {
        size_t name = strcspn(line, " ");
        size_t value = name + strspn(line + name, " ");
        column = column == 0 ? value : column;
        assert_row(line, value == column);
        set += strncmp(line + value, "(set)", 5) == 0;
    }
    assert_int_equal(set, 4);  // control, events, repl, Redis
    free(text);

    assert_true(load(SERVICE_DASHBOARD, environment, &settings, &err));
    text = printed(SERVICE_DASHBOARD, &settings);
    const char *token = strstr(text, "RELEVO_API_TOKEN ");
    assert_non_null(token);
    assert_non_null(strstr(token, "(empty)"));
    assert_non_null(strstr(text, "0.0.0.0:8000"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),          cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(lossless_waits_for_a_majority),           cmocka_unit_test(whom_to_trust),
        cmocka_unit_test(values_that_contradict),
        cmocka_unit_test(a_secret_is_never_told), cmocka_unit_test(needed_secrets),
        cmocka_unit_test(only_ones_own),     cmocka_unit_test(secrets_from_files),
        cmocka_unit_test(unreadable_files),  cmocka_unit_test(the_effective_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
