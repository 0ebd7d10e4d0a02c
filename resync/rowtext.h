// Rows as LOAD DATA reads them: fields between tabs, rows ended by newlines, backslash escapes, \N for NULL. A batch
// holds whole rows. Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rowtext {
    char *bytes;
    size_t used_bytes, room_bytes;
    uint64_t rows;
    uint64_t
        warnings;  // that the server will give for these rows though they are right; counted by whoever adds fields
};

// bytes NULL: SQL NULL. last: ends the row.
void rowtext_field(struct rowtext *batch, const char *bytes, size_t length_bytes, bool last);
void rowtext_done(struct rowtext *batch);  // frees
