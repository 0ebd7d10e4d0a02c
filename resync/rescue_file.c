#include "resync/rescue_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/text.h"

enum {
    FILE_MODE = 0640,
    FORMAT_CREATED_AT = BINLOG_HEADER_BYTES + 2 + 50,  // when its file was begun: differs between files, says nothing
    FORMAT_CREATED_BYTES = 4,
    EVENT_BYTES_MOST = 1U << 30,
};

struct rescue_file {
    FILE *out;
    char *path;
    uint64_t offset;
    bool checksum;          // of the events that come now
    unsigned char *format;  // the last format description that was written
    size_t format_bytes;
};

static bool io_failed(const char *path, struct err *err) {
    return err_set(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_FAILED, errno, "%s: %s", path,
                   strerror(errno));
}

static bool put(struct rescue_file *file, const void *bytes, size_t length_bytes, struct err *err) {
    if (fwrite(bytes, 1, length_bytes, file->out) != length_bytes) {
        return io_failed(file->path, err);
    }
    file->offset += length_bytes;
    return true;
}

struct rescue_file *rescue_file_create(const char *path, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        (void)io_failed(path, err);
        return NULL;
    }
    struct rescue_file *file = mem_zero(1, sizeof *file);
    file->path = mem_text(path);
    file->out = fdopen(fd, "wb");
    if (!file->out || !put(file, BINLOG_MAGIC, BINLOG_MAGIC_BYTES, err)) {
        (void)io_failed(path, err);
        if (!file->out) {
            close(fd);
        }
        (void)rescue_file_close(file, NULL);
        return NULL;
    }
    return file;
}

static bool put_event(struct rescue_file *file, const unsigned char *event, size_t length_bytes, bool checksum,
                      struct err *err) {
    unsigned char *copy = mem_zero(length_bytes, 1);
    memcpy(copy, event, length_bytes);
    binlog_relocate(copy, length_bytes, checksum, (uint32_t)(file->offset + length_bytes));
    bool ok = put(file, copy, length_bytes, err);
    free(copy);
    return ok;
}

// Each old file starts with one. It is written again only when it says something new (another version, checksums).
static bool add_format(struct rescue_file *file, const unsigned char *event, size_t length_bytes, struct err *err) {
    if (!binlog_format_checksum(event, length_bytes, &file->checksum, err)) {
        return false;
    }
    unsigned char *format = mem_zero(length_bytes, 1);
    memcpy(format, event, length_bytes);
    memset(format, 0, BINLOG_HEADER_BYTES);
    memset(format + FORMAT_CREATED_AT, 0, FORMAT_CREATED_BYTES);
    memset(format + length_bytes - BINLOG_CHECKSUM_BYTES, 0, BINLOG_CHECKSUM_BYTES);
    bool same = file->format && file->format_bytes == length_bytes && memcmp(file->format, format, length_bytes) == 0;
    free(file->format);
    file->format = format;
    file->format_bytes = length_bytes;
    return same || put_event(file, event, length_bytes, file->checksum, err);
}

bool rescue_file_add(struct rescue_file *file, const unsigned char *event, size_t length_bytes, struct err *err) {
    if (length_bytes >= BINLOG_HEADER_BYTES && event[4] == BINLOG_FORMAT) {
        return add_format(file, event, length_bytes, err);
    }
    if (length_bytes >= BINLOG_HEADER_BYTES && !file->format) {
        return true;  // the rotation that announces the first file, made up without a checksum
    }
    struct binlog_event parsed;
    if (!binlog_parse(event, length_bytes, file->checksum, &parsed, err)) {
        return false;
    }
    switch (parsed.type) {
        case BINLOG_ROTATE:
        case BINLOG_STOP:
        case BINLOG_HEARTBEAT:
        case BINLOG_HEARTBEAT_V2:
        case BINLOG_PREVIOUS_GTIDS:
            return true;
        default:
            return put_event(file, event, length_bytes, file->checksum, err);
    }
}

bool rescue_file_close(struct rescue_file *file, struct err *err) {
    bool ok = file->out != NULL;
    if (file->out) {
        bool flushed = fflush(file->out) == 0 && fsync(fileno(file->out)) == 0;
        ok = (flushed || io_failed(file->path, err));
        ok = (fclose(file->out) == 0 || io_failed(file->path, err)) && ok;
    }
    free(file->format);
    free(file->path);
    free(file);
    return ok;
}

// One event into *buffer, grown as needed. *ret_bytes 0 at the end of the file.
static bool read_event(FILE *in, const char *path, unsigned char **buffer, size_t *ret_bytes, struct err *err) {
    unsigned char header[BINLOG_HEADER_BYTES];
    size_t got = fread(header, 1, sizeof header, in);
    *ret_bytes = 0;
    if (got == 0 && feof(in)) {
        return true;
    }
    uint32_t length =
        (uint32_t)header[9] | (uint32_t)header[10] << 8 | (uint32_t)header[11] << 16 | (uint32_t)header[12] << 24;
    if (got != sizeof header || length < sizeof header || length > EVENT_BYTES_MOST) {
        return err_set(err, ERR_INVALID, 0, "%s: not a whole binlog", path);
    }
    *buffer = mem_grow(*buffer, length, 1);
    memcpy(*buffer, header, sizeof header);
    if (fread(*buffer + sizeof header, 1, length - sizeof header, in) != length - sizeof header) {
        return err_set(err, ERR_INVALID, 0, "%s: an event is cut short", path);
    }
    *ret_bytes = length;
    return true;
}

static bool read_events(FILE *in, const char *path, unsigned char **buffer, rescue_event_fn *each, void *arg,
                        struct err *err) {
    char magic[BINLOG_MAGIC_BYTES];
    if (fread(magic, 1, sizeof magic, in) != sizeof magic || memcmp(magic, BINLOG_MAGIC, sizeof magic) != 0) {
        return err_set(err, ERR_INVALID, 0, "%s: not a binlog", path);
    }
    bool checksum = false;
    for (size_t length;;) {
        if (!read_event(in, path, buffer, &length, err)) {
            return false;
        }
        if (length == 0) {
            return true;
        }
        if ((*buffer)[4] == BINLOG_FORMAT && !binlog_format_checksum(*buffer, length, &checksum, err)) {
            return false;
        }
        if (!each(arg, *buffer, length, checksum, err)) {
            return false;
        }
    }
}

bool rescue_file_each(const char *path, rescue_event_fn *each, void *arg, struct err *err) {
    FILE *in = fopen(path, "rbe");
    if (!in) {
        return io_failed(path, err);
    }
    unsigned char *buffer = NULL;
    bool ok = read_events(in, path, &buffer, each, arg, err);
    free(buffer);
    (void)fclose(in);
    return ok;
}

bool rescue_text_write(const char *path, const char *text, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    FILE *out = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!out) {
        return io_failed(path, err);
    }
    bool ok = fputs(text, out) >= 0 && fputc('\n', out) != EOF && fflush(out) == 0 && fsync(fd) == 0;
    ok = ok || io_failed(path, err);
    return (fclose(out) == 0 || io_failed(path, err)) && ok;
}

bool rescue_sync_dir(const char *dir, struct err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        (void)io_failed(dir, err);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    close(fd);
    return true;
}
