#include "common/mysql_real.h"

#include <stdlib.h>
#include <string.h>

#include <errmsg.h>

#include "common/clock.h"
#include "common/gtid.h"
#include "common/mem.h"
#include "common/text.h"

// Hands on one row after another. The result is unbuffered: stopping early leaves rows on the wire, hence the poison.
static bool each_row(struct db_session *session, int64_t timeout_ms, MYSQL_RES *result, db_row_fn *each, void *arg,
                     struct err *err) {
    unsigned columns = mysql_num_fields(result);
    unsigned types[4096];
    for (unsigned i = 0; i < columns && i < 4096; i++) {
        types[i] = mysql_fetch_field_direct(result, i)->type;
    }
    for (;;) {
        MYSQL_ROW row = NULL;
        if (session->bulk) {
            row = mysql_fetch_row(result);
        } else {
            int64_t deadline_ms = clock_mono_ms() + timeout_ms;
            while (mysql_fetch_row_nonblocking(result, &row) == NET_ASYNC_NOT_READY) {
                if (!session_wait(session, deadline_ms, 0)) {
                    return session_deadline_error(session, timeout_ms, err);
                }
            }
        }
        if (!row) {
            return mysql_errno(&session->mysql) ? session_error(session, err) : true;
        }
        struct db_row view = {.columns = columns,
                              .values = (const char *const *)row,
                              .lengths_bytes = mysql_fetch_lengths(result),
                              .types = types};
        if (!each(arg, &view)) {
            session->poisoned = true;
            return err_set(err, ERR_CONFLICT, 0, "stopped by the receiver of the rows");
        }
    }
}

bool db_each(struct db_session *session, int64_t timeout_ms, const char *sql, db_row_fn *each, void *arg,
             struct err *err) {
    if (!session_run(session, timeout_ms, sql, err)) {
        return false;
    }
    MYSQL_RES *result = mysql_use_result(&session->mysql);
    if (!result) {
        return mysql_errno(&session->mysql) ? session_error(session, err) : true;
    }
    bool ok = each_row(session, timeout_ms, result, each, arg, err);
    if (session->poisoned) {
        db_interrupt(session);  // else freeing the result would read the rest of it
    }
    mysql_free_result(result);
    return ok;
}

// --- LOAD DATA LOCAL from memory ---

struct load {
    db_load_fn *fill;
    void *arg;
    struct err err;
};

static int load_init(void **ret, const char *name, void *load) {
    (void)name;  // the server's idea of a file name is never opened
    *ret = load;
    return 0;
}

static int load_read(void *opaque, char *buffer, unsigned room_bytes) {
    struct load *load = opaque;
    size_t length_bytes = room_bytes;
    return load->fill(load->arg, buffer, &length_bytes, &load->err) ? (int)length_bytes : -1;
}

static void load_end(void *opaque) {
    (void)opaque;
}

static int load_failed(void *opaque, char *text, unsigned size_bytes) {
    const struct load *load = opaque;
    (void)text_copy(text, size_bytes, load ? load->err.text : "no source");
    return CR_UNKNOWN_ERROR;
}

// A server may answer any statement by asking for a file of the client's machine, and the client library would open it.
// https://dev.mysql.com/doc/refman/8.4/en/load-data-local-security.html
static int refuse_init(void **ret, const char *name, void *unused) {
    (void)name;
    (void)unused;
    *ret = NULL;
    return 1;
}

static int refuse_read(void *opaque, char *buffer, unsigned room_bytes) {
    (void)opaque;
    (void)buffer;
    (void)room_bytes;
    return -1;
}

static int refuse_why(void *opaque, char *text, unsigned size_bytes) {
    (void)opaque;
    (void)text_copy(text, size_bytes, "the server asked for a file, which no statement of ours offers");
    return CR_UNKNOWN_ERROR;
}

void session_refuse_files(struct db_session *session) {
    mysql_set_local_infile_handler(&session->mysql, refuse_init, refuse_read, load_end, refuse_why, NULL);
}

bool db_load(struct db_session *session, const char *sql, db_load_fn *fill, void *arg, struct err *err) {
    if (!session->bulk || session->poisoned) {
        return err_set(err, ERR_LOST, 0, "no bulk session to load through");
    }
    struct load load = {.fill = fill, .arg = arg};
    mysql_set_local_infile_handler(&session->mysql, load_init, load_read, load_end, load_failed, &load);
    bool ok = mysql_real_query(&session->mysql, sql, strlen(sql)) == 0;
    session_refuse_files(session);
    if (load.err.kind != ERR_NONE) {
        session->poisoned = true;  // the statement ended early: whatever arrived must not be committed
        return err_set(err, load.err.kind, load.err.number, "%s", load.err.text);
    }
    if (!ok) {
        return session_error(session, err);
    }
    session->affected = mysql_affected_rows(&session->mysql);
    return true;
}

// --- binlog events through the replication protocol ---

// A GTID set as COM_BINLOG_DUMP_GTID carries it: a count, then per uuid (and tag) its intervals with an exclusive end.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_binlog_dump_gtid.html
struct encoder {
    unsigned char *bytes;  // NULL while counting
    size_t length_bytes;
    size_t interval_count_at;
    uint64_t groups, intervals;
    bool tagged;
    char uuid[40], tag[40];
};

static void put(struct encoder *to, const void *bytes, size_t length_bytes) {
    if (to->bytes) {
        memcpy(to->bytes + to->length_bytes, bytes, length_bytes);
    }
    to->length_bytes += length_bytes;
}

static void put_u64(struct encoder *to, uint64_t value) {
    unsigned char little[8];
    for (unsigned i = 0; i < 8; i++) {
        little[i] = (unsigned char)(value >> (8 * i));
    }
    put(to, little, sizeof little);
}

static void put_uuid(struct encoder *to, const char *uuid) {
    unsigned char bytes[16] = {0};
    unsigned nibble = 0;
    for (const char *c = uuid; *c && nibble < 32; c++) {
        if (*c == '-') {
            continue;
        }
        unsigned value = (unsigned)(*c <= '9' ? *c - '0' : (*c | 32) - 'a' + 10);
        bytes[nibble / 2] = (unsigned char)((unsigned)bytes[nibble / 2] << 4 | (unsigned)value);
        nibble++;
    }
    put(to, bytes, sizeof bytes);
}

static void close_group(struct encoder *to) {
    if (to->groups == 0) {
        return;
    }
    struct encoder at = {.bytes = to->bytes, .length_bytes = to->interval_count_at};
    put_u64(&at, to->intervals);
}

static void put_interval(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    struct encoder *to = arg;
    if (to->groups == 0 || strcmp(to->uuid, uuid) != 0 || strcmp(to->tag, tag) != 0) {
        close_group(to);
        (void)text_copy(to->uuid, sizeof to->uuid, uuid);
        (void)text_copy(to->tag, sizeof to->tag, tag);
        put_uuid(to, uuid);
        if (to->tagged) {
            unsigned char tag_length = (unsigned char)(strlen(tag) << 1);  // variable-length integer, one byte
            put(to, &tag_length, 1);
            put(to, tag, strlen(tag));
        }
        to->interval_count_at = to->length_bytes;
        put_u64(to, 0);
        to->groups++;
        to->intervals = 0;
    }
    put_u64(to, first);
    put_u64(to, last + 1);
    to->intervals++;
}

static void note_tag(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    (void)uuid;
    (void)first;
    (void)last;
    *(bool *)arg |= *tag != '\0';
}

static void encode_pass(struct encoder *to, const struct gtid_set *set) {
    put_u64(to, 0);
    gtid_each(set, put_interval, to);
    close_group(to);
    struct encoder head = {.bytes = to->bytes};
    put_u64(&head, to->tagged ? (1ULL << 56) | (to->groups << 8) | 1ULL : to->groups);
}

static void encode_set(const struct gtid_set *set, unsigned char **ret, size_t *ret_bytes) {
    bool tagged = false;
    gtid_each(set, note_tag, &tagged);
    struct encoder count = {.tagged = tagged};
    encode_pass(&count, set);
    struct encoder write = {.tagged = tagged, .bytes = mem_zero(count.length_bytes, 1)};
    encode_pass(&write, set);
    *ret = write.bytes;
    *ret_bytes = write.length_bytes;
}

static void copy_set(MYSQL_RPL *rpl, unsigned char *packet) {
    memcpy(packet, rpl->gtid_set_arg, rpl->gtid_set_encoded_size);
}

enum { BINLOG_DUMP_NON_BLOCK = 1 };  // end at the end of the binlog instead of waiting for more

bool db_binlog(struct db_session *session, uint32_t server_id, const char *exclude_gtids, db_binlog_fn *each, void *arg,
               struct err *err) {
    AUTO_GTID struct gtid_set *exclude = gtid_parse(exclude_gtids, err);
    if (!exclude || !db_exec(session, 10000, "SET @source_binlog_checksum = @@GLOBAL.binlog_checksum", err)) {
        return false;
    }
    AUTO_TEXT char *encoded = NULL;
    MYSQL_RPL rpl = {.file_name = "",
                     .start_position = 4,
                     .server_id = server_id,
                     .flags = MYSQL_RPL_GTID | MYSQL_RPL_SKIP_HEARTBEAT | BINLOG_DUMP_NON_BLOCK,
                     .fix_gtid_set = copy_set};
    encode_set(exclude, (unsigned char **)&encoded, &rpl.gtid_set_encoded_size);
    rpl.gtid_set_arg = encoded;
    if (mysql_binlog_open(&session->mysql, &rpl)) {
        return session_error(session, err);
    }
    session->poisoned = true;  // the connection is a dump thread from here on
    for (;;) {
        if (mysql_binlog_fetch(&session->mysql, &rpl)) {
            return session_error(session, err);
        }
        if (rpl.size == 0) {
            return true;
        }
        if (!each(arg, rpl.buffer + 1, rpl.size - 1)) {
            return err_set(err, ERR_CONFLICT, 0, "stopped by the receiver of the events");
        }
    }
}
