// What undo.c keeps and undo_write.c writes.
#pragma once
#include "resync/undo.h"

struct undo_map {  // a table map event: the parsed form points into body
    struct binlog_table table;
    unsigned char *body;  // owned
    size_t body_bytes;
    uint16_t flags;
    size_t touched;  // index of its undo_table, once it has rows
};

struct undo_change {  // a rows event
    size_t map;
    struct binlog_event event;  // its body is owned
    unsigned char *body;
};

struct undo {
    size_t most_bytes, used_bytes;
    enum undo_verdict verdict;
    char what[600];
    bool checksum, in_payload;
    unsigned char *format;
    size_t format_bytes;
    struct undo_map *maps;
    size_t map_count;
    size_t *current;  // maps of the transaction being read: a number means another table after a restart
    size_t current_count;
    struct undo_change *changes;
    size_t change_count, change_room;
    struct undo_table *tables;
    size_t table_count;
    uint64_t transactions, touching;  // those with rows
    bool touches;                     // the one being read has
    struct idle_seen idle;
};
