#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/mem.h"
#include "common/text.h"

#define FILES_MAX 64
#define FILE_BYTES_MAX (4 << 20)

struct files {
    struct file list[FILES_MAX];
    size_t count;
};

// NULL: not a kind of file that is served.
static const char *type_of(const char *name) {
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return NULL;
}

static bool read_all(int fd, char *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t got = read(fd, bytes + done, size - done);
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

static bool load(struct file *file, int dir_fd, const char *entry) {
    struct stat info;
    int fd = openat(dir_fd, entry, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= FILE_BYTES_MAX;
    if (ok) {
        file->size_bytes = (size_t)info.st_size;
        file->bytes = mem_zero(file->size_bytes + 1, 1);
        ok = read_all(fd, file->bytes, file->size_bytes);
        text_format(file->etag, sizeof file->etag, "\"%08lx-%zx\"",
                    crc32(0, (const unsigned char *)file->bytes, (unsigned)file->size_bytes), file->size_bytes);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void load_dir(struct files *files, const char *dir, const char *prefix) {
    DIR *entries = opendir(dir);
    struct dirent *entry;
    while (entries != NULL && files->count < FILES_MAX && (entry = readdir(entries)) != NULL) {
        struct file *file = &files->list[files->count];
        *file = (struct file){.type = type_of(entry->d_name)};
        if (entry->d_name[0] == '.' || file->type == NULL ||
            !text_format(file->name, sizeof file->name, "%s%s", prefix, entry->d_name)) {
            continue;
        }
        if (load(file, dirfd(entries), entry->d_name)) {
            files->count++;
        } else {
            free(file->bytes);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
}

struct files *files_load(const char *dir, struct err *err) {
    struct files *files = mem_zero(1, sizeof *files);
    errno = 0;
    load_dir(files, dir, "");
    if (files->count == 0) {
        err_set(err, ERR_MISSING, errno, "%s", errno ? strerror(errno) : "no pages there");
        files_free(files);
        return NULL;
    }
    AUTO_TEXT char *swagger = mem_format("%s/swagger", dir);
    load_dir(files, swagger, "swagger/");
    return files;
}

void files_free(struct files *files) {
    for (size_t i = 0; files != NULL && i < files->count; i++) {
        free(files->list[i].bytes);
    }
    free(files);
}

const struct file *files_find(const struct files *files, const char *name) {
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->list[i].name, name) == 0) {
            return &files->list[i];
        }
    }
    return NULL;
}
