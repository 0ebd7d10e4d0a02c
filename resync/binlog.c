#include "resync/binlog.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "resync/bytes.h"

enum {
    FLAG_IN_USE = 1,
    FORMAT_BODY_LEAST = 2 + 50 + 4 + 1 + 1 + BINLOG_CHECKSUM_BYTES,
    CHECKSUM_OFF = 0,
    CHECKSUM_CRC32 = 1,
    AT_SIZE = 9,
    AT_POSITION = 13,
    AT_FLAGS = 17,
};

static uint32_t little32(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_little32(unsigned char *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

static uint32_t checksum_of(const unsigned char *bytes, size_t length_bytes) {
    return (uint32_t)crc32_z(0, bytes, length_bytes);
}

bool binlog_parse(const unsigned char *bytes, size_t length_bytes, bool checksum, struct binlog_event *ret,
                  struct err *err) {
    size_t tail = checksum ? BINLOG_CHECKSUM_BYTES : 0;
    if (length_bytes < BINLOG_HEADER_BYTES + tail || little32(bytes + AT_SIZE) != length_bytes) {
        return err_set(err, ERR_INVALID, 0, "a binlog event of %zu bytes does not have the length it says",
                       length_bytes);
    }
    if (checksum && checksum_of(bytes, length_bytes - tail) != little32(bytes + length_bytes - tail)) {
        return err_set(err, ERR_INVALID, 0, "the checksum of a binlog event (type %u) is wrong", bytes[4]);
    }
    *ret = (struct binlog_event){.timestamp_s = little32(bytes),
                                 .type = bytes[4],
                                 .server_id = little32(bytes + 5),
                                 .end_position = little32(bytes + AT_POSITION),
                                 .flags = (uint16_t)(bytes[AT_FLAGS] | bytes[AT_FLAGS + 1] << 8),
                                 .body = bytes + BINLOG_HEADER_BYTES,
                                 .body_bytes = length_bytes - BINLOG_HEADER_BYTES - tail};
    return true;
}

bool binlog_format_checksum(const unsigned char *bytes, size_t length_bytes, bool *ret, struct err *err) {
    if (length_bytes < BINLOG_HEADER_BYTES + FORMAT_BODY_LEAST || bytes[4] != BINLOG_FORMAT) {
        return err_set(err, ERR_INVALID, 0, "no format description of a binlog");
    }
    unsigned char algorithm = bytes[length_bytes - BINLOG_CHECKSUM_BYTES - 1];
    if (algorithm != CHECKSUM_OFF && algorithm != CHECKSUM_CRC32) {
        return err_set(err, ERR_INVALID, 0, "unknown binlog checksum %u", algorithm);
    }
    *ret = algorithm == CHECKSUM_CRC32;
    return true;
}

void binlog_relocate(unsigned char *bytes, size_t length_bytes, bool checksum, uint32_t end_position) {
    put_little32(bytes + AT_POSITION, end_position);
    bytes[AT_FLAGS] &= (unsigned char)~FLAG_IN_USE;
    if (checksum) {
        size_t body_end = length_bytes - BINLOG_CHECKSUM_BYTES;
        put_little32(bytes + body_end, checksum_of(bytes, body_end));
    }
}

size_t binlog_event_bytes(size_t body_bytes, bool checksum) {
    return BINLOG_HEADER_BYTES + body_bytes + (checksum ? BINLOG_CHECKSUM_BYTES : 0);
}

size_t binlog_write(unsigned char *out, const struct binlog_event *event, bool checksum) {
    size_t length_bytes = binlog_event_bytes(event->body_bytes, checksum);
    memset(out, 0, BINLOG_HEADER_BYTES);
    put_little32(out, event->timestamp_s);
    out[4] = event->type;
    put_little32(out + 5, event->server_id);
    put_little32(out + AT_SIZE, (uint32_t)length_bytes);
    out[AT_FLAGS] = (unsigned char)event->flags;
    out[AT_FLAGS + 1] = (unsigned char)(event->flags >> 8);
    memcpy(out + BINLOG_HEADER_BYTES, event->body, event->body_bytes);
    binlog_relocate(out, length_bytes, checksum, 0);
    return length_bytes;
}

// thread id 4, seconds 4, schema length 1, error 2, status length 2, status, schema, NUL, statement
bool binlog_query(const struct binlog_event *event, const char **ret, size_t *ret_bytes) {
    struct bytes from = {.at = event->body, .left = event->body_bytes};
    (void)bytes_take(&from, 8);
    uint64_t schema_bytes = bytes_little(&from, 1);
    (void)bytes_little(&from, 2);
    uint64_t status_bytes = bytes_little(&from, 2);
    (void)bytes_take(&from, status_bytes + schema_bytes + 1);
    if (from.short_of) {
        return false;
    }
    *ret = (const char *)from.at;
    *ret_bytes = from.left;
    return true;
}

bool binlog_surrounds(const char *statement, size_t length_bytes) {
    static const char savepoint[] = "SAVEPOINT ";
    return (length_bytes == 5 && memcmp(statement, "BEGIN", 5) == 0) ||
           (length_bytes == 6 && memcmp(statement, "COMMIT", 6) == 0) ||
           (length_bytes >= sizeof savepoint - 1 && memcmp(statement, savepoint, sizeof savepoint - 1) == 0);
}

static void print_uuid(const unsigned char raw[16], char out[37]) {
    char *to = out;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *to++ = '-';
        }
        to += snprintf(to, 3, "%02x", raw[i]);
    }
}

// Fields by number, each written as a variable-length integer or a run of them: the tagged form.
static bool tagged_gtid(struct bytes *from, struct binlog_gtid *ret) {
    enum { FIELD_FLAGS, FIELD_UUID, FIELD_NUMBER, FIELD_TAG, FIELDS_WANTED };
    (void)bytes_varlen(from);  // version of the format
    (void)bytes_varlen(from);  // its size
    (void)bytes_varlen(from);  // last field that a reader must know
    for (uint64_t wanted = 0; wanted < FIELDS_WANTED; wanted++) {
        if (bytes_varlen(from) != wanted) {
            return false;
        }
        if (wanted == FIELD_FLAGS) {
            (void)bytes_varlen(from);
        } else if (wanted == FIELD_UUID) {
            unsigned char raw[16];
            for (unsigned i = 0; i < sizeof raw; i++) {
                raw[i] = (unsigned char)bytes_varlen(from);
            }
            print_uuid(raw, ret->uuid);
        } else if (wanted == FIELD_NUMBER) {
            ret->number = bytes_varlen(from) >> 1;  // zigzag; never negative here
        } else {
            uint64_t length = bytes_varlen(from);
            const unsigned char *tag = bytes_take(from, length);
            if (!tag || length >= sizeof ret->tag) {
                return false;
            }
            memcpy(ret->tag, tag, length);
        }
    }
    return !from->short_of;
}

bool binlog_gtid(const struct binlog_event *event, struct binlog_gtid *ret, struct err *err) {
    struct bytes from = {.at = event->body, .left = event->body_bytes};
    *ret = (struct binlog_gtid){0};
    bool ok = false;
    if (event->type == BINLOG_GTID_TAGGED) {
        ok = tagged_gtid(&from, ret);
    } else if (event->type == BINLOG_GTID) {
        (void)bytes_little(&from, 1);  // flags
        const unsigned char *uuid = bytes_take(&from, 16);
        ret->number = bytes_little(&from, 8);
        ok = !from.short_of;
        if (ok) {
            print_uuid(uuid, ret->uuid);
        }
    }
    return (ok && ret->number > 0) || err_set(err, ERR_INVALID, 0, "a GTID event cannot be read");
}
