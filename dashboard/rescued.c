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
    char name[RESCUED_NAME_SIZE];
    off_t bytes;
    int64_t modified_ns;
};

// Files of one moment by name, so that a listing that goes on after one of them neither repeats nor leaves out another.
static int newest_first(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    int by_time = (x->modified_ns < y->modified_ns) - (x->modified_ns > y->modified_ns);
    return by_time != 0 ? by_time : strcmp(y->name, x->name);
}

static bool is_summary(const char *name) {
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ".json") == 0;
}

// Names that api.c would let through: the listing shows nothing that cannot be asked for. A summary is part of its
// file's entry.
static bool is_clean(const char *name) {
    return name[0] != '.' && !is_summary(name) && strlen(name) < RESCUED_NAME_SIZE &&
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

static bool look_at(int dir_fd, const char *name, struct entry *ret) {
    struct stat info;
    if (!is_clean(name) || fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    *ret = (struct entry){.bytes = info.st_size,
                          .modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec};
    strcpy(ret->name, name);  // is_clean() measured it
    return true;
}

// All that come after `after` (NULL: all), in order. The caller frees them.
static struct entry *entries_of(DIR *names, const struct entry *after, size_t *ret_count) {
    struct entry *entries = NULL, entry;
    size_t count = 0, room = 0;
    struct dirent *found;
    while ((found = readdir(names)) != NULL) {
        if (!look_at(dirfd(names), found->d_name, &entry) || (after != NULL && newest_first(&entry, after) <= 0)) {
            continue;
        }
        if (count == room) {
            room = room ? room * 2 : 16;
            entries = mem_grow(entries, room, sizeof *entries);
        }
        entries[count++] = entry;
    }
    if (count > 0) {
        qsort(entries, count, sizeof *entries, newest_first);
    }
    *ret_count = count;
    return entries;
}

static json_t *entry_json(int dir_fd, const struct entry *entry) {
    return json_pack("{s:s, s:I, s:I, s:o}", "file", entry->name, "bytes", (json_int_t)entry->bytes, "modified_ms",
                     (json_int_t)(entry->modified_ns / 1000000), "summary", summary_of(dir_fd, entry->name));
}

struct api_rescued rescued_list(const char *dir, const char *before) {
    struct entry after;
    DIR *names = opendir(dir);
    if (names == NULL) {
        return (struct api_rescued){0};
    }
    if (*before && !look_at(dirfd(names), before, &after)) {
        closedir(names);
        return (struct api_rescued){.before_gone = true};
    }
    size_t count;
    struct entry *entries = entries_of(names, *before ? &after : NULL, &count);
    struct api_rescued list = {.files = json_array(), .more = count > LISTED_MAX};
    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        json_array_append_new(list.files, entry_json(dirfd(names), &entries[i]));
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
