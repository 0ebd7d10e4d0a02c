// The pages, read once at the start: a fixed list of names, so that no request ever becomes a path.
#pragma once
#include <stddef.h>

#include "common/err.h"

struct file {
    char name[160];    // "dashboard.html", "swagger/swagger-ui.css"
    const char *type;  // Content-Type
    char etag[24];
    char *bytes;
    size_t size_bytes;
};

struct files;

// Every regular file of dir and of dir/swagger whose extension is known. NULL and *err if dir holds none.
struct files *files_load(const char *dir, struct err *err);
void files_free(struct files *files);                                        // NULL is fine
const struct file *files_find(const struct files *files, const char *name);  // NULL if absent
