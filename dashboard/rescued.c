#include "rescued.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

#define LISTED_MAX 100
#define SUMMARY_BYTES_MAX (256 << 10)

struct entry {
    char name[160];
    off_t bytes;
    int64_t modified_ms;
};

static int newest_first(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return (x->modified_ms < y->modified_ms) - (x->modified_ms > y->modified_ms);
}

static bool is_summary(const char *name) {
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ".json") == 0;
}

// Names that api.c would let through: the listing shows nothing that cannot be asked for. A summary is part of its
// file's entry.
static bool is_clean(const char *name) {
    return name[0] != '.' && !is_summary(name) && strlen(name) < sizeof((struct entry *)0)->name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

static json_t *summary_of(int dir_fd, const char *name) {
    AUTO_TEXT char *beside = mem_format("%s.json", name);
    int fd = openat(dir_fd, beside, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    json_t *summary = NULL;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= SUMMARY_BYTES_MAX) {
        summary = json_loadfd(fd, 0, NULL);
    }
    if (fd >= 0) {
        close(fd);
    }
    return summary != NULL ? summary : json_null();
}

json_t *rescued_list(const char *dir) {
    DIR *names = opendir(dir);
    if (names == NULL) {
        return NULL;
    }
    struct entry *entries = NULL;
    size_t count = 0, room = 0;
    struct dirent *found;
    while ((found = readdir(names)) != NULL) {
        struct stat info;
        if (!is_clean(found->d_name) || fstatat(dirfd(names), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode)) {
            continue;
        }
        if (count == room) {
            room = room ? room * 2 : 16;
            entries = mem_grow(entries, room, sizeof *entries);
        }
        struct entry *entry = &entries[count++];
        *entry = (struct entry){.bytes = info.st_size, .modified_ms = (int64_t)info.st_mtim.tv_sec * 1000};
        strcpy(entry->name, found->d_name);  // is_clean() measured it
    }
    if (count > 0) {
        qsort(entries, count, sizeof *entries, newest_first);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:o}", "file", entries[i].name, "bytes", (json_int_t)entries[i].bytes,
                            "modified_ms", (json_int_t)entries[i].modified_ms, "summary",
                            summary_of(dirfd(names), entries[i].name)));
    }
    closedir(names);
    free(entries);
    return list;
}

int rescued_open(const char *dir, const char *file, off_t *ret_bytes) {
    AUTO_TEXT char *path = mem_format("%s/%s", dir, file);
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return -1;
    }
    if (fd >= 0) {
        *ret_bytes = info.st_size;
    }
    return fd;
}
