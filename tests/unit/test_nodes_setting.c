// RELEVO_NODES: names, addresses, and the replicas' own way.
#include "common/address.h"
#include "common/settings.h"
#include "watcher/observation.h"

#include "unit.h"

static bool load(const char *nodes, struct settings *ret, struct err *err) {
    static char text[8192];
    (void)snprintf(text, sizeof text, "RELEVO_NODES=%s", nodes);
    const char *const environment[] = {text, NULL};
    *err = (struct err){0};
    return settings_load(SERVICE_DASHBOARD, environment, ret, err);
}

static void what_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *given, *name, *host;
        unsigned port;
        const char *source_host;
        unsigned source_port;
        bool has_address;
    } rows[] = {
        {"a", "a", "a", 3306, "a", 3306, false},
        {"a:3307", "a", "a", 3307, "a", 3307, false},
        {"1", "1", "1", 3306, "1", 3306, false},
        {"db1=10.0.0.5:3306", "db1", "10.0.0.5", 3306, "10.0.0.5", 3306, true},
        {"db1=10.0.0.5", "db1", "10.0.0.5", 3306, "10.0.0.5", 3306, true},
        {"db2=db2.example.org:3307/repl=192.168.9.5:3308", "db2", "db2.example.org", 3307, "192.168.9.5", 3308, true},
        {"db2=db2.example.org:3307/repl=192.168.9.5", "db2", "db2.example.org", 3307, "192.168.9.5", 3306, true},
        {"db2:3307/repl=inner.example.org:3", "db2", "db2", 3307, "inner.example.org", 3, true},
        {"db3=[fd00::1]:3306", "db3", "fd00::1", 3306, "fd00::1", 3306, true},
        {"db3=[::1]/repl=[::ffff:10.0.0.1]:99", "db3", "::1", 3306, "::ffff:10.0.0.1", 99, true},
        {"db3=[1:2:3:4:5:6::8]", "db3", "1:2:3:4:5:6::8", 3306, "1:2:3:4:5:6::8", 3306, true},
        {"db3=[1:2:3:4:5:6:7:8]", "db3", "1:2:3:4:5:6:7:8", 3306, "1:2:3:4:5:6:7:8", 3306, true},
        {"db3=shop_db-1.inner_net", "db3", "shop_db-1.inner_net", 3306, "shop_db-1.inner_net", 3306, true},
        {"db1=db1", "db1", "db1", 3306, "db1", 3306, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings settings;
        struct err err;
        if (!load(rows[i].given, &settings, &err)) {
            fail_msg("\"%s\": %s", rows[i].given, err.text);
        }
        const struct node_address *node = &settings.nodes[0];
        assert_int_equal(settings.node_count, 1);
        assert_string_equal(node->name, rows[i].name);
        assert_string_equal(node_host(node), rows[i].host);
        assert_int_equal(node->port, rows[i].port);
        assert_string_equal(node_source_host(node), rows[i].source_host);
        assert_int_equal(node_source_port(node), rows[i].source_port);
        assert_row(rows[i].given, node_has_address(node) == rows[i].has_address);
    }
}

static void what_is_refused(void **state) {
    (void)state;
    static char long_name[400], long_host[600], label64[200];
    (void)snprintf(long_name, sizeof long_name, "%0200d", 0);
    (void)snprintf(long_host, sizeof long_host, "a=b.%0400d", 0);
    (void)snprintf(label64, sizeof label64, "a=b.%064d.c", 0);
    const struct {
        const char *given, *says;
    } rows[] = {
        {"a,a", "names must be different"},
        {"a=10.0.0.1,A=10.0.0.2", "names must be different"},
        {"a=10.0.0.1:3306,b=10.0.0.1", "addresses must be different"},
        {"a=DB.example.org,b=db.example.org", "addresses must be different"},
        {"a,b=A", "addresses must be different"},
        {"a=10.0.0.1/repl=10.1.0.1,b=10.0.0.2/repl=10.1.0.1", "addresses must be different"},
        {"a=10.0.0.1,b=10.0.0.2/repl=10.0.0.1", "addresses must be different"},
        {"a.b", "no dots"},
        {"a.b=10.0.0.1", "no dots"},
        {"=10.0.0.1", "no dots"},
        {"a b=10.0.0.1", "no dots"},
        {"-a=10.0.0.1", "no dots"},
        {"a=", "neither"},
        {"a=:3306", "neither"},
        {"a=10.0.0.1:", "neither"},
        {"a=10.0.0.1:0", "65535"},
        {"a=10.0.0.1:65536", "65535"},
        {"a=10.0.0.1:-1", "65535"},
        {"a=10.0.0.1: 3306", "65535"},
        {"a= 10.0.0.1", "neither"},
        {"a=10.0.0.1 ", "neither"},
        {" a=10.0.0.1", "no dots"},
        {"a=10.0.0.256", "neither"},
        {"a=10.0.0", "neither"},
        {"a=10.0.0.1.2", "neither"},
        {"a=10.0.0.1.", "neither"},
        {"a=db..example.org", "neither"},
        {"a=.example.org", "neither"},
        {"a=db.example.org.", "neither"},
        {"a=db-.example.org", "neither"},
        {"a=fd00::1", "neither"},
        {"a=fd00::1:3306", "neither"},
        {"a=[fd00::1", "neither"},
        {"a=fd00::1]:3306", "neither"},
        {"a=[fd00::1]x", "neither"},
        {"a=[fd00::1]3306", "neither"},
        {"a=[fd00::1::2]", "neither"},
        {"a=[1:2:3:4:5:6:7]", "neither"},
        {"a=[1:2:3:4:5:6:7:8:9]", "neither"},
        {"a=[1:2:3:4:5:6:7::8]", "neither"},
        {"a=[fd00::12345]", "neither"},
        {"a=[:1]", "neither"},
        {"a=[::1:]", "neither"},
        {"a=[fd00::1%eth0]", "neither"},
        {"a=[]", "neither"},
        {"a=[10.0.0.1]", "neither"},
        {"a=b=c", "neither"},
        {"a=10.0.0.1/", "/repl="},
        {"a=10.0.0.1/repl=", "/repl="},
        {"a=10.0.0.1/repl=10.0.0.2:0", "/repl="},
        {"a=10.0.0.1/rep1=10.0.0.2", "/repl="},
        {"a=10.0.0.1/repl=10.0.0.2/repl=10.0.0.3", "/repl="},
        {"/repl=10.0.0.2", "neither"},
        {"a=10.0.0.1,", "neither"},
        {",a", "neither"},
        {"a=10.0.0.1;b=10.0.0.2", "neither"},
        {long_name, "neither"},
        {long_host, "neither"},
        {label64, "neither"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings settings;
        struct err err;
        bool taken = load(rows[i].given, &settings, &err);
        assert_row(rows[i].given, !taken);
        assert_row(rows[i].given, strncmp(err.text, "RELEVO_NODES: ", 14) == 0);
        assert_row(rows[i].given, strstr(err.text, "name=address") != NULL);
        if (strstr(err.text, rows[i].says) == NULL) {
            fail_msg("\"%s\" is refused by \"%s\", without \"%s\"", rows[i].given, err.text, rows[i].says);
        }
    }
}

// What --check shows can be pasted back.
static void shown_as_given(void **state) {
    (void)state;
    static const char *const rows[] = {
        "a:3306,b:3307",
        "db1=10.0.0.5:3306,db2=db2.example.org:3307/repl=192.168.9.5:3306",
        "db1=[fd00::5]:3306/repl=[fd00::6]:3307,b:3306/repl=c.d:1",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings settings;
        struct err err;
        char *shown = NULL;
        size_t shown_bytes = 0;
        assert_row(rows[i], load(rows[i], &settings, &err));
        FILE *out = open_memstream(&shown, &shown_bytes);
        settings_print(SERVICE_DASHBOARD, &settings, out);
        fclose(out);
        char *line = strstr(shown, "RELEVO_NODES");
        line += strcspn(line, " ");
        line += strspn(line, " ");
        assert_row(rows[i], strncmp(line, rows[i], strlen(rows[i])) == 0 && line[strlen(rows[i])] == ' ');
        free(shown);
    }
}

static void nine_of_the_longest(void **state) {
    (void)state;
    char text[8000] = "";
    for (int i = 0; i < NODE_MAX; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s%063d=%063d.%063d.%063d.h%d:65535/repl=%063d.%063d.%063d.r%d:65535",
                       i ? "," : "", i, 0, 0, 0, i, 0, 0, 0, i);
    }
    struct settings settings;
    struct err err;
    char *shown = NULL;
    size_t shown_bytes = 0;
    if (!load(text, &settings, &err)) {
        fail_msg("%s", err.text);
    }
    FILE *out = open_memstream(&shown, &shown_bytes);
    settings_print(SERVICE_DASHBOARD, &settings, out);
    fclose(out);
    assert_non_null(strstr(shown, text));
    free(shown);
}

// A replica's source bears the name of the node that it is; what is nobody's shows as it is.
static void whose_address_a_source_is(void **state) {
    (void)state;
    static const struct {
        const char *nodes, *host;
        unsigned port;
        const char *named;
        bool moved;
    } rows[] = {
        {"a,b", "a", 3306, "a", false},
        {"a,b", "B", 3306, "b", false},
        {"a,b", "a", 3307, "a:3307", false},  // without addresses whatever leads there is as good
        {"a,b", "10.0.0.1", 3306, "10.0.0.1:3306", false},
        {"a,b", "", 0, "", false},
        {"a=10.0.0.1,b=10.0.0.2", "10.0.0.2", 3306, "b", false},
        {"a=10.0.0.1,b=10.0.0.2", "10.0.0.9", 3306, "10.0.0.9:3306", true},
        {"a=10.0.0.1,b=10.0.0.2", "10.0.0.2", 3307, "10.0.0.2:3307", true},
        {"a=10.0.0.1,b=10.0.0.2", "a", 3306, "a:3306", true},  // its name is not where it is
        {"a=10.0.0.1,b=10.0.0.2", "", 0, "", false},
        {"a/repl=192.168.0.1,b/repl=192.168.0.2", "192.168.0.1", 3306, "a", false},
        {"a/repl=192.168.0.1,b/repl=192.168.0.2", "a", 3306, "a:3306", true},
        {"a=[fd00::1],b=[fd00::2]", "FD00::2", 3306, "b", false},
        {"a=[fd00::1],b=[fd00::2]", "fd00::3", 3306, "[fd00::3]:3306", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings settings;
        struct err err;
        assert_row(rows[i].nodes, load(rows[i].nodes, &settings, &err));
        struct observation *seen = observation_new();
        snprintf(seen->source_address, sizeof seen->source_address, "%s", rows[i].host);
        seen->source_port = (uint16_t)rows[i].port;
        observation_name_source(seen, &settings);
        assert_string_equal(seen->source_host, rows[i].named);
        assert_row(rows[i].host, seen->source_moved == rows[i].moved);
        observation_release(seen);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(shown_as_given),
        cmocka_unit_test(nine_of_the_longest),
        cmocka_unit_test(whose_address_a_source_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
