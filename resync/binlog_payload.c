// Compressed transactions: the events of one transaction, packed into one.
#include <stdlib.h>
#include <zstd.h>

#include "common/mem.h"
#include "resync/binlog.h"
#include "resync/bytes.h"

enum {
    FIELD_END = 0,
    FIELD_SIZE = 1,
    FIELD_COMPRESSION = 2,
    FIELD_UNPACKED_SIZE = 3,
    COMPRESSION_ZSTD = 0,
    COMPRESSION_NONE = 255,
};

struct payload {
    const unsigned char *at;
    uint64_t bytes, compression, unpacked_bytes;
};

static bool read_payload(const struct binlog_event *event, struct payload *ret, struct err *err) {
    struct bytes from = {.at = event->body, .left = event->body_bytes};
    *ret = (struct payload){.compression = COMPRESSION_NONE};
    bool sized = false;
    for (;;) {
        uint64_t field = bytes_packed(&from);
        if (field == FIELD_END || from.short_of) {
            break;
        }
        uint64_t length = bytes_packed(&from);
        const unsigned char *at = bytes_take(&from, length);
        struct bytes value = {.at = at, .left = at ? length : 0};
        uint64_t number = field <= FIELD_UNPACKED_SIZE ? bytes_packed(&value) : 0;
        if (field == FIELD_SIZE) {
            ret->bytes = number;
            sized = true;
        } else if (field == FIELD_COMPRESSION) {
            ret->compression = number;
        } else if (field == FIELD_UNPACKED_SIZE) {
            ret->unpacked_bytes = number;
        }
        if (value.short_of) {
            from.short_of = true;
        }
    }
    if (sized && ret->compression == COMPRESSION_NONE) {
        ret->unpacked_bytes = ret->bytes;
    }
    ret->at = bytes_take(&from, ret->bytes);
    bool known = ret->compression == COMPRESSION_ZSTD || ret->compression == COMPRESSION_NONE;
    return (sized && known && !from.short_of) ||
           err_set(err, ERR_INVALID, 0, "a compressed transaction cannot be read");
}

bool binlog_payload_size(const struct binlog_event *event, uint64_t *ret_bytes, struct err *err) {
    struct payload payload;
    if (!read_payload(event, &payload, err)) {
        return false;
    }
    *ret_bytes = payload.unpacked_bytes;
    return true;
}

static bool each_event(const unsigned char *at, size_t left, binlog_raw_fn *each, void *arg, struct err *err) {
    struct bytes from = {.at = at, .left = left};
    while (from.left > 0) {
        struct bytes header = from;
        (void)bytes_take(&header, 9);
        uint64_t length = bytes_little(&header, 4);
        const unsigned char *event = length >= BINLOG_HEADER_BYTES ? bytes_take(&from, length) : NULL;
        if (!event) {
            return err_set(err, ERR_INVALID, 0, "an event in a compressed transaction is cut short");
        }
        if (!each(arg, event, length, err)) {
            return false;
        }
    }
    return true;
}

bool binlog_payload_each(const struct binlog_event *event, size_t most_bytes, binlog_raw_fn *each, void *arg,
                         struct err *err) {
    struct payload payload;
    if (!read_payload(event, &payload, err)) {
        return false;
    }
    if (payload.unpacked_bytes > most_bytes) {
        return err_set(err, ERR_FULL, 0, "a compressed transaction of %llu bytes is too large",
                       (unsigned long long)payload.unpacked_bytes);
    }
    if (payload.compression == COMPRESSION_NONE) {
        return each_event(payload.at, payload.bytes, each, arg, err);
    }
    unsigned char *unpacked = mem_zero(payload.unpacked_bytes + 1, 1);
    size_t got = ZSTD_decompress(unpacked, payload.unpacked_bytes, payload.at, payload.bytes);
    bool ok = !ZSTD_isError(got) && got == payload.unpacked_bytes;
    ok = ok ? each_event(unpacked, got, each, arg, err)
            : err_set(err, ERR_INVALID, 0, "a compressed transaction cannot be unpacked");
    free(unpacked);
    return ok;
}
