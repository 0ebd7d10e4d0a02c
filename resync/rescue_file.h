// A binlog file being written from events that came over the wire, and read back.
#pragma once
#include "resync/binlog.h"

struct rescue_file;

// NULL and *err if path exists or cannot be written.
struct rescue_file *rescue_file_create(const char *path, struct err *err);
// Keeps format descriptions and transactions; leaves out what belongs to the old file or the connection.
bool rescue_file_add(struct rescue_file *file, const unsigned char *event, size_t length_bytes, struct err *err);
bool rescue_file_close(struct rescue_file *file, struct err *err);  // on disk for good, or false; frees

// Reads a binlog file from the disk, event by event. checksum: the event ends with one.
typedef bool rescue_event_fn(void *arg, const unsigned char *event, size_t length_bytes, bool checksum,
                             struct err *err);
bool rescue_file_each(const char *path, rescue_event_fn *each, void *arg, struct err *err);

// A small file, whole and on disk for good; and the directory entries of what was created or renamed.
bool rescue_text_write(const char *path, const char *text, struct err *err);
bool rescue_sync_dir(const char *dir, struct err *err);
