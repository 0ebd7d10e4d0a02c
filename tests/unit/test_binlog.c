#include "resync/binlog.h"

#include "unit.h"

// Events as a server of version 9.7 wrote them, checksums included.
static const char format[] =
    "6f12036b0f010000007b0000007f00000000000400392e372e342d320000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000013000d0008000000000400040000006300041a08000000000000020000000a0a0a"
    "2a2a001234000a28000001e374c98d";
static const char gtid[] =
    "6f12036b21010000004f0000009803000000000036079f3de68e11f193990242ac130002030000000000000002020000000000000003"
    "000000000000002b0614a0df6006fc3806506201000108f09e";
static const char gtid_next[] =
    "6f12036b21010000004f000000d009000000000036079f3de68e11f193990242ac130002040000000000000002030000000000000004"
    "00000000000000150914a0df6006fcd10a50620100a1fc8cd1";
static const char tagged[] =
    "6f12036b2a0100000052000000a414000000000276000000026c0e7d027a9903390222c5034d0265020484b1022600040404060c6d69"
    "5f74616708080a140c7f710b14a0df600610d9061283120bdb3f7194";
static const char begin[] =
    "6f12036b020100000051000000e90300000800080000000000000002000025000000000000012000a045000000000603737464040800"
    "0800ff00050653595354454d12ff00733100424547494e632ad1d2";
static const char map[] =
    "6f12036b1301000000bf000000a80400000000570000000000010002733100027431001803010ffe12f6fefef5ff10fc13110d040509"
    "08020af20ffc18b004fe28031405f701f80104040501020206040804280004feffff010210000207fcff00023f033f0701000d010304"
    "31026964016101620163016401650166016701680169016a016b016c016d016e016f017001710172017301740175017601770a03fcff"
    "00050703017001710172060502017801790801000c03ffffff59f5eb6a";
// One row with a value of every type, one with nothing but its key.
static const char write_wide[] =
    "6f12036b1e01000000d70000006209000000005700000000001100020018ffffff00000001000000010400686f6c610363636399a544"
    "31051a7c7fffffffffcfc6fef6cd02051a00000000010019000b000100020c006103000d000501000502000503001900000000000000"
    "0101000000000000000000f03f00000000000000401555030000ff107f5d33f361cf998001e240630000c03f0000000000000240fbff"
    "ff630000000000000007009f9f0f0c0000000000803f00000040000040400176050000007777777777fcffff0200000002ea2c61dd";
// The same two, before and after.
static const char update_wide[] =
    "6f12036b1f010000008c0100003314000000005700000000001100020018ffffffffffff00000001000000010400686f6c6103636363"
    "99a54431051a7c7fffffffffcfc6fef6cd02051a00000000010019000b000100020c006103000d000501000502000503001900000000"
    "0000000101000000000000000000f03f00000000000000401555030000ff107f5d33f361cf998001e240630000c03f00000000000002"
    "40fbffff630000000000000007009f9f0f0c0000000000803f0000004000004040017605000000777777777700000001000000020400"
    "686f6c610363636399a54431051a7c7fffffffffcfc6fef6cd02051a00000000010019000b000100020c006103000d00050100050200"
    "05030019000000000000000101000000000000000000f03f00000000000000401555030000ff107f5d33f361cf998001e240630000c0"
    "3f0000000000000240fbffff630000000000000007009f9f0f0c0000000000803f00000040000040400176050000007777777777fcff"
    "ff0200000002fcffff0200000003f1f997d2";
static const char write_three[] =
    "6f12036b1e010000003d000000e915000000005700000000001100020018fffffffcffff0300000005fcffff0400000006fcffff0500"
    "000007825bde42";
static const char delete_two[] =
    "6f12036b200100000035000000bb1a000000005700000000001100020018fffffffcffff0300000005fcffff04000000063d583678";
static const char payload[] =
    "6f12036b2801000000320100002f19000000000201000303fcdd140103fc0d010028b52ffd60dd131d0800828f3432604dd30124f6a5"
    "411004291b26b002c062397e14cbaf6640b6105713d06f1a01682b010480f78c4dc41e2a326a646f29530ab66d7bb28094451f1b3dec"
    "0aa462fbf9d8b8bb96d3534542b0bb0ae0431de77842471fe88d1a6d5ce319e7be1de317b7b8f68a537ce2d925be79c421fe7087636f"
    "38c3178e6df27a7a8bff643493def8a4a5fc6ef78c79d073320fdf7bca51608062ba2762c54b499450053ecb5445694dbaee84ea2e57"
    "cb1797beb6f415ec912a534a4b4038d018f8dabc94f761dca64e880bee013b0d19b2c6f633534a0b12008010042b9e136247272e2a9d"
    "60241c5ccf802030eb33ab36762202cd810b48d860d48243490657834106e00540453ee6";
static const char xid[] =
    "6f12036b10010000001f0000008109000000000a00000000000000550a240a";

static unsigned char bytes[8192];

static size_t unhex(const char *hex) {
    size_t length = strlen(hex) / 2;
    assert_true(length <= sizeof bytes);
    for (size_t i = 0; i < length; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return length;
}

static struct binlog_event parsed(const char *hex) {
    struct binlog_event event = {0};
    struct err err = {0};
    size_t length = unhex(hex);
    if (!binlog_parse(bytes, length, true, &event, &err)) {
        fail_msg("%s", err.text);
    }
    return event;
}

static void headers(void **state) {
    (void)state;
    struct binlog_event event = parsed(xid);
    assert_int_equal(event.type, BINLOG_XID);
    assert_int_equal(event.server_id, 1);
    assert_int_equal(event.body_bytes, 8);
    assert_int_equal(event.end_position, 2433);
    bool checksum = false;
    size_t length = unhex(format);
    assert_true(binlog_format_checksum(bytes, length, &checksum, NULL));
    assert_true(checksum);
    length = unhex(xid);
    assert_false(binlog_format_checksum(bytes, length, &checksum, NULL));
}

static void damage_is_noticed(void **state) {
    (void)state;
    static const char *const events[] = {format, gtid, tagged, map, write_three, xid};
    for (size_t e = 0; e < COUNT_OF(events); e++) {
        size_t length = unhex(events[e]);
        struct binlog_event event;
        for (size_t i = 0; i < length; i++) {
            bytes[i] ^= 1;
            assert_false(binlog_parse(bytes, length, true, &event, NULL));
            bytes[i] ^= 1;
        }
        for (size_t shorter = 0; shorter < length; shorter++) {
            assert_false(binlog_parse(bytes, shorter, true, &event, NULL));
        }
    }
}

static void gtids(void **state) {
    (void)state;
    struct binlog_gtid got;
    struct binlog_event event = parsed(gtid);
    assert_true(binlog_gtid(&event, &got, NULL));
    assert_string_equal(got.uuid, "36079f3d-e68e-11f1-9399-0242ac130002");
    assert_string_equal(got.tag, "");
    assert_int_equal(got.number, 3);
    event = parsed(tagged);
    assert_true(binlog_gtid(&event, &got, NULL));
    assert_string_equal(got.uuid, "36079f3d-e68e-11f1-9399-0242ac130002");
    assert_string_equal(got.tag, "mi_tag");
    assert_int_equal(got.number, 1);
    for (size_t left = 0; left < 39; left++) { // cut short anywhere: refused, not read past
        event = parsed(tagged);
        event.body_bytes = left;
        assert_false(binlog_gtid(&event, &got, NULL));
    }
    event = parsed(xid);
    assert_false(binlog_gtid(&event, &got, NULL));
}

static void rows_are_counted(void **state) {
    (void)state;
    static const struct {
        const char *name, *hex;
        uint64_t rows;
    } rows[] = {
        {"write of every type", write_wide, 2},
        {"update of every type", update_wide, 2},
        {"write of three", write_three, 3},
        {"delete of two", delete_two, 2},
    };
    static unsigned char map_bytes[1024];
    size_t map_length = unhex(map);
    memcpy(map_bytes, bytes, map_length);
    struct binlog_event event;
    struct binlog_table table;
    assert_true(binlog_parse(map_bytes, map_length, true, &event, NULL));
    assert_true(binlog_table_map(&event, &table, NULL));
    assert_string_equal(table.schema, "s1");
    assert_string_equal(table.name, "t1");
    assert_int_equal(table.columns, 24);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        event = parsed(rows[i].hex);
        uint64_t id = 0, count = 0;
        assert_row(rows[i].name, binlog_is_rows(&event));
        assert_row(rows[i].name, binlog_rows_table_id(&event, &id, NULL) && id == table.id);
        assert_row(rows[i].name, binlog_count_rows(&event, &table, &count, NULL));
        assert_row(rows[i].name, count == rows[i].rows);
        // Cut short: an error, or fewer rows where the cut falls between two.
        size_t whole = event.body_bytes;
        for (event.body_bytes = 0; event.body_bytes < whole; event.body_bytes++) {
            assert_row(rows[i].name, !binlog_count_rows(&event, &table, &count, NULL) || count < rows[i].rows);
        }
    }
}

static void feed(struct binlog_tally *tally, const char *hex) {
    struct binlog_event event = parsed(hex);
    struct err err = {0};
    if (!binlog_tally_feed(tally, &event, &err)) {
        fail_msg("%s", err.text);
    }
}

static void tally_adds_up(void **state) {
    (void)state;
    static const char *const stream[] = {format, gtid,   begin, map,         write_wide, xid,        gtid_next, begin,  map,
                                         update_wide, xid, tagged, begin, map, write_three, delete_two, xid};
    AUTO_TALLY struct binlog_tally *tally = binlog_tally_new();
    for (size_t i = 0; i < COUNT_OF(stream); i++) {
        feed(tally, stream[i]);
    }
    AUTO_GTID struct gtid_set *set = binlog_tally_gtids(tally);
    char *text = gtid_text(set);
    assert_string_equal(text, "36079f3d-e68e-11f1-9399-0242ac130002:3-4:mi_tag:1");
    free(text);
    const struct binlog_touched *tables = NULL;
    assert_int_equal(binlog_tally_tables(tally, &tables), 1);
    assert_int_equal(tables[0].inserts, 5);
    assert_int_equal(tables[0].updates, 2);
    assert_int_equal(tables[0].deletes, 2);
    assert_false(tables[0].rows_unknown);
    assert_int_equal(binlog_tally_transactions(tally), 3);
    assert_int_equal(binlog_tally_statements(tally), 0);
    feed(tally, payload); // two rows in a compressed transaction
    assert_int_equal(binlog_tally_compressed(tally), 0);
    assert_int_equal(binlog_tally_tables(tally, &tables), 1);
    assert_int_equal(tables[0].updates + tables[0].inserts + tables[0].deletes, 11);
    struct binlog_event damaged = parsed(payload);
    ((unsigned char *)damaged.body)[damaged.body_bytes - 1] ^= 1;
    assert_true(binlog_tally_feed(tally, &damaged, NULL)); // it is saved, whatever can be counted
    assert_int_equal(binlog_tally_compressed(tally), 1);
    uint32_t first = 0, last = 0;
    binlog_tally_times(tally, &first, &last);
    assert_true(first > 0 && first <= last);
}

static void rows_without_a_map_are_refused(void **state) {
    (void)state;
    AUTO_TALLY struct binlog_tally *tally = binlog_tally_new();
    feed(tally, gtid);
    struct binlog_event event = parsed(write_three);
    assert_false(binlog_tally_feed(tally, &event, NULL));
    AUTO_GTID struct gtid_set *empty = NULL;
    AUTO_TALLY struct binlog_tally *fresh = binlog_tally_new();
    empty = binlog_tally_gtids(fresh);
    assert_true(gtid_empty(empty));
}

static void relocated_events_are_whole(void **state) {
    (void)state;
    size_t length = unhex(format);
    binlog_relocate(bytes, length, true, 123456);
    struct binlog_event event;
    assert_true(binlog_parse(bytes, length, true, &event, NULL));
    assert_int_equal(event.end_position, 123456);
    assert_int_equal(event.flags & 1, 0); // no longer "in use"
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),          cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(gtids),            cmocka_unit_test(rows_are_counted),
        cmocka_unit_test(tally_adds_up),    cmocka_unit_test(rows_without_a_map_are_refused),
        cmocka_unit_test(relocated_events_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
