#include "resync/undo.h"

#include "common/text.h"
#include "undo_model.h"
#include "unit.h"

#define FIXTURE "tests/cases/undo.binlog" // undo.sql says how it was made

static unsigned char file[16384];
static size_t file_bytes;

static int load(void **state) {
    (void)state;
    FILE *in = fopen(FIXTURE, "rb");
    file_bytes = in ? fread(file, 1, sizeof file, in) : 0;
    return in && fclose(in) == 0 && file_bytes > 4000 ? 0 : -1;
}

static size_t event_at(size_t at) {
    return (size_t)file[at + 9] | (size_t)file[at + 10] << 8;
}

typedef void each_fn(void *arg, unsigned char *event, size_t length_bytes);
static void each_event(each_fn *each, void *arg) {
    for (size_t at = BINLOG_MAGIC_BYTES; at < file_bytes; at += event_at(at)) {
        each(arg, file + at, event_at(at));
    }
}

static void feed_one(void *arg, unsigned char *event, size_t length_bytes) {
    undo_feed(arg, event, length_bytes);
}

static enum undo_verdict verdict_of(const struct undo *undo) {
    const char *what = NULL;
    return undo_verdict(undo, &what);
}

static struct undo *fixture(void) {
    struct undo *undo = undo_new(1 << 20);
    each_event(feed_one, undo);
    const char *what = "";
    if (undo_verdict(undo, &what) != UNDO_POSSIBLE) {
        fail_msg("%d: %s", undo_rule(verdict_of(undo)), what);
    }
    return undo;
}

// --- forwards and back ---

struct forwards {
    struct model *now, *before;
};

static bool replay_raw(void *arg, const unsigned char *bytes, size_t length_bytes, struct err *err) {
    struct forwards *forwards = arg;
    struct binlog_event event;
    return binlog_parse(bytes, length_bytes, false, &event, err) && model_event(forwards->now, &event, forwards->before);
}

static void replay(void *arg, unsigned char *bytes, size_t length_bytes) {
    struct forwards *forwards = arg;
    struct binlog_event event;
    if (bytes[4] == BINLOG_FORMAT) {
        return; // of a file in use: the flag that says so is not in its checksum
    }
    assert_true(binlog_parse(bytes, length_bytes, true, &event, NULL));
    if (event.type == BINLOG_TRANSACTION_PAYLOAD) {
        assert_true(binlog_payload_each(&event, 1 << 20, replay_raw, forwards, NULL));
    } else if (event.type == BINLOG_TABLE_MAP) {
        assert_true(model_event(forwards->now, &event, forwards->before));
    } else if (binlog_is_rows(&event)) {
        // Two maps stand before the rows of two tables: the model knows one at a time.
        uint64_t id = 0;
        assert_true(binlog_rows_table_id(&event, &id, NULL));
        for (size_t at = BINLOG_MAGIC_BYTES; file + at < bytes; at += event_at(at)) {
            struct binlog_event map;
            struct binlog_table table;
            if (file[at + 4] == BINLOG_TABLE_MAP && binlog_parse(file + at, event_at(at), true, &map, NULL) &&
                 binlog_table_map(&map, &table, NULL) && table.id == id) {
                assert_true(model_event(forwards->now, &map, NULL));
            }
        }
        assert_true(model_event(forwards->now, &event, forwards->before));
    }
}

static bool back(void *arg, const unsigned char *events, size_t length_bytes) {
    return model_pair(arg, true, events, length_bytes);
}

static void leads_back_step_by_step(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 100, 700, 1 << 20};
    uint64_t events = 0;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct model now = {0}, before = {0};
        each_event(replay, &(struct forwards){.now = &now, .before = &before});
        assert_int_equal(before.count, 3); // the pairs that the script made before
        AUTO_UNDO struct undo *undo = fixture();
        now.events = 0;
        assert_true(undo_write(undo, sizes[i], back, &now));
        assert_true(model_same(&now, &before));
        assert_true(events == 0 || now.events <= events);
        events = now.events;
        model_done(&now);
        model_done(&before);
    }
}

static void tables_and_counts(void **state) {
    (void)state;
    AUTO_UNDO struct undo *undo = fixture();
    const struct undo_table *tables = NULL;
    assert_int_equal(undo_tables(undo, &tables), 2);
    assert_string_equal(tables[0].schema, "t");
    assert_string_equal(tables[0].name, "wide");
    assert_int_equal(tables[0].columns, 25); // generated and invisible ones too
    assert_int_equal(tables[0].inserts, 4);
    assert_int_equal(tables[0].updates, 3);
    assert_int_equal(tables[0].deletes, 4);
    assert_string_equal(tables[1].name, "pair");
    assert_int_equal(tables[1].updates, 4);
    assert_int_equal(tables[1].deletes, 2);
    assert_int_equal(undo_rows(undo), 17);
}

// --- twice inverted is what it was ---

struct collected {
    struct undo *into;
    struct binlog_event last;
    unsigned char bytes[65536];
    size_t used;
};

static bool feed_again(void *arg, const unsigned char *events, size_t length_bytes) {
    struct undo *into = arg;
    size_t first = (size_t)events[9] | (size_t)events[10] << 8;
    undo_feed(into, events, first);
    undo_feed(into, events + first, length_bytes - first);
    return verdict_of(into) == UNDO_POSSIBLE;
}

static bool collect_rows(void *arg, const unsigned char *events, size_t length_bytes) {
    struct collected *all = arg;
    size_t first = (size_t)events[9] | (size_t)events[10] << 8;
    struct binlog_event event;
    assert_true(binlog_parse(events + first, length_bytes - first, true, &event, NULL));
    assert_true(all->used + event.body_bytes < sizeof all->bytes);
    memcpy(all->bytes + all->used, event.body, event.body_bytes);
    all->used += event.body_bytes;
    return true;
}

static void twice_is_none(void **state) {
    (void)state;
    static struct collected once, thrice;
    once.used = thrice.used = 0;
    AUTO_UNDO struct undo *first = fixture();
    AUTO_UNDO struct undo *second = undo_new(1 << 20);
    AUTO_UNDO struct undo *third = undo_new(1 << 20);
    size_t format_bytes = 0;
    const unsigned char *format = undo_format(first, &format_bytes);
    undo_feed(second, format, format_bytes);
    undo_feed(third, format, format_bytes);
    assert_true(undo_write(first, 1, feed_again, second));
    assert_true(undo_write(second, 1, feed_again, third));
    assert_true(undo_write(first, 1, collect_rows, &once));
    assert_true(undo_write(third, 1, collect_rows, &thrice));
    assert_int_equal(once.used, thrice.used);
    assert_memory_equal(once.bytes, thrice.bytes, once.used);
}

// --- keys ---

static void keys(void **state) {
    (void)state;
    AUTO_UNDO struct undo *undo = fixture();
    static const unsigned columns[] = {1, 0}; // PRIMARY KEY (b, a)
    struct undo_keys keys = {.table = 1, .columns = columns, .count = 2, .schema = "mark", .name = "keys_1"};
    struct model model = {0};
    assert_true(undo_write_keys(undo, &keys, 1 << 20, back, &model));
    assert_string_equal(model.table.name, "keys_1");
    assert_int_equal(model.table.columns, 2);
    assert_int_equal(model.count, 4 * 2 + 2); // both images of an update
    static const unsigned char one[] = {0, 3, 'o', 'n', 'e', 1, 0, 0, 0};
    assert_true(model_take(&model, "mark.keys_1", one, sizeof one));
    assert_true(model_take(&model, "mark.keys_1", one, sizeof one));
    assert_true(model_take(&model, "mark.keys_1", one, sizeof one));
    assert_false(model_take(&model, "mark.keys_1", one, sizeof one));
    model_done(&model);
}

// ti, bi, vc, j, and inv were set; gv and gs are generated from ti. Of pair, only n.
static void updated_columns(void **state) {
    (void)state;
    AUTO_UNDO struct undo *undo = fixture();
    bool wide[BINLOG_COLUMNS_MOST], pair[BINLOG_COLUMNS_MOST];
    assert_true(undo_updated_columns(undo, 0, wide));
    assert_true(undo_updated_columns(undo, 1, pair));
    for (unsigned i = 0; i < BINLOG_COLUMNS_MOST; i++) {
        bool set = i == 1 || i == 2 || i == 8 || i == 14 || (i >= 22 && i <= 24);
        assert_int_equal(wide[i], set);
        assert_int_equal(pair[i], i == 2);
    }
}

// --- what cannot be undone ---

static unsigned char made[4096];

static size_t query(const char *text) {
    unsigned char body[256] = {0};
    memcpy(body + 14, text, strlen(text)); // 13 bytes of head, no schema, no status, its NUL
    struct binlog_event event = {.type = BINLOG_QUERY, .body = body, .body_bytes = 14 + strlen(text)};
    return binlog_write(made, &event, true);
}

static size_t other(uint8_t type, uint16_t flags) {
    struct binlog_event event = {.type = type, .flags = flags, .body = (const unsigned char *)"12345678", .body_bytes = 8};
    return binlog_write(made, &event, true);
}

// The first rows event of the fixture with one byte changed, or another type.
static size_t rows(uint8_t type, size_t byte, unsigned char bits) {
    for (size_t at = BINLOG_MAGIC_BYTES; at < file_bytes; at += event_at(at)) {
        if (file[at + 4] == BINLOG_WRITE_ROWS) {
            struct binlog_event event;
            unsigned char body[2048];
            assert_true(binlog_parse(file + at, event_at(at), true, &event, NULL));
            memcpy(body, event.body, event.body_bytes);
            body[byte] ^= bits;
            event.body = body;
            event.type = type;
            return binlog_write(made, &event, true);
        }
    }
    return 0;
}

static void feed_until_rows(struct undo *undo) {
    for (size_t at = BINLOG_MAGIC_BYTES; file[at + 4] != BINLOG_WRITE_ROWS; at += event_at(at)) {
        undo_feed(undo, file + at, event_at(at));
    }
    assert_int_equal(verdict_of(undo), UNDO_POSSIBLE);
}

static void refused(const char *name, size_t length_bytes, enum undo_verdict wanted, const char *what_wanted) {
    AUTO_UNDO struct undo *undo = undo_new(1 << 20);
    feed_until_rows(undo);
    undo_feed(undo, made, length_bytes);
    const char *what = NULL;
    assert_row(name, undo_verdict(undo, &what) == wanted);
    assert_row_text(name, what, what_wanted);
    assert_row(name, wanted == UNDO_POSSIBLE || undo_why(wanted) != MSG_NONE);
}

static void refusals(void **state) {
    (void)state;
    enum { AT_FLAGS = 6, AT_PRESENT = 11 };
    refused("begin", query("BEGIN"), UNDO_POSSIBLE, "");
    refused("savepoint", query("SAVEPOINT `a`"), UNDO_POSSIBLE, "");
    refused("ddl", query("CREATE TABLE secret (a INT)"), UNDO_STATEMENT, "CREATE TABLE");
    refused("account", query("ALTER USER 'a' IDENTIFIED BY 'x'"), UNDO_STATEMENT, "ALTER USER");
    refused("begins like begin", query("BEGIN NOT ATOMIC"), UNDO_STATEMENT, "BEGIN NOT");
    refused("rollback to", query("ROLLBACK TO `a`"), UNDO_STATEMENT, "ROLLBACK TO");
    refused("nothing", query(""), UNDO_STATEMENT, "");
    refused("flush", query("FLUSH STATUS"), UNDO_POSSIBLE, "");
    refused("flush and more", query("FLUSH STATUS; DROP TABLE t"), UNDO_STATEMENT, "FLUSH STATUS");
    refused("repair: the tables are asked later", query("REPAIR TABLE a.b"), UNDO_POSSIBLE, "");
    refused("xa", query("XA START X'31',X'',1"), UNDO_XA, "XA START");
    refused("xa prepare", other(BINLOG_XA_PREPARE, 0), UNDO_XA, "XA PREPARE");
    refused("unknown", other(99, 0), UNDO_EVENT, "99");
    refused("unknown, may be ignored", other(99, BINLOG_FLAG_IGNORABLE), UNDO_POSSIBLE, "");
    refused("a user variable", other(14, 0), UNDO_EVENT, "14");
    refused("an anonymous transaction", other(BINLOG_ANONYMOUS_GTID, 0), UNDO_EVENT, "34");
    refused("as they are", rows(BINLOG_WRITE_ROWS, 0, 0), UNDO_POSSIBLE, "");
    refused("partial", rows(BINLOG_PARTIAL_UPDATE_ROWS, 0, 0), UNDO_PARTIAL, "t.wide");
    refused("old rows", rows(BINLOG_WRITE_ROWS, AT_FLAGS + 1, 1), UNDO_EVENT, "t.wide");
    refused("a column is missing", rows(BINLOG_WRITE_ROWS, AT_PRESENT, 1), UNDO_IMAGE, "t.wide");
    refused("another table", rows(BINLOG_WRITE_ROWS, 5, 1), UNDO_DAMAGED, "a rows event without a table map");
    size_t length = rows(BINLOG_WRITE_ROWS, 0, 0);
    made[length - 1] ^= 1;
    refused("a wrong checksum", length, UNDO_DAMAGED, "the checksum of a binlog event (type 30) is wrong");
    length = event_at(BINLOG_MAGIC_BYTES);
    memcpy(made, file + BINLOG_MAGIC_BYTES, length);
    refused("another server", length, UNDO_FORMAT, "");
}

// Beside rows, too: they are undone, and what has none is counted and named.
static void idle(void **state) {
    (void)state;
    AUTO_UNDO struct undo *undo = fixture();
    assert_int_equal(undo_idle(undo), 0);
    static const char *const texts[] = {"FLUSH STATUS", "FLUSH PRIVILEGES", "flush status"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        undo_feed(undo, made, other(BINLOG_GTID, 0));
        undo_feed(undo, made, query(texts[i]));
    }
    undo_feed(undo, made, other(BINLOG_GTID, 0));
    undo_feed(undo, made, query("BEGIN"));
    undo_feed(undo, made, query("COMMIT"));
    assert_int_equal(verdict_of(undo), UNDO_POSSIBLE);
    assert_int_equal(undo_idle(undo), 4);
    assert_int_equal(undo_rows(undo), 17);
    AUTO_TEXT char *text = idle_text(undo_idle_seen(undo));
    assert_string_equal(text, "FLUSH STATUS (2), FLUSH PRIVILEGES");
    assert_null(undo_idle_seen(undo)->rebuilds);
}

static void bounds(void **state) {
    (void)state;
    AUTO_UNDO struct undo *nothing = undo_new(1 << 20);
    undo_feed(nothing, file + BINLOG_MAGIC_BYTES + event_at(BINLOG_MAGIC_BYTES), 50); // no format description
    assert_int_equal(verdict_of(nothing), UNDO_DAMAGED);
    for (size_t most = 0; most < 1500; most += 50) {
        AUTO_UNDO struct undo *small = undo_new(most);
        each_event(feed_one, small);
        assert_int_equal(verdict_of(small), UNDO_TOO_MUCH);
    }
    // Cut short anywhere, an event is refused, and nothing is read past its end.
    for (size_t at = BINLOG_MAGIC_BYTES; at < file_bytes; at += event_at(at)) {
        for (size_t less = 1; less < event_at(at) - BINLOG_HEADER_BYTES && less < 400; less++) {
            AUTO_UNDO struct undo *undo = undo_new(1 << 20);
            unsigned char *cut = mem_zero(event_at(at) - less, 1);
            memcpy(cut, file + at, event_at(at) - less);
            feed_until_rows(undo);
            undo_feed(undo, cut, event_at(at) - less);
            assert_int_not_equal(verdict_of(undo), UNDO_POSSIBLE);
            free(cut);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leads_back_step_by_step),
        cmocka_unit_test(tables_and_counts),
        cmocka_unit_test(twice_is_none),
        cmocka_unit_test(keys), cmocka_unit_test(updated_columns),
        cmocka_unit_test(refusals),
        cmocka_unit_test(idle),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
