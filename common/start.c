#include "start.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "text.h"

#define ALIVE_PATH "/tmp/relevo-alive"  // each service has its own container, and with it its own /tmp
#define ALIVE_MS 10000
#define GIVE_BACK_EVERY 60

static int health(void) {
    struct stat info = {0};
    if (stat(ALIVE_PATH, &info) != 0) {
        fprintf(stderr, "unhealthy: no sign of life yet\n");
        return EXIT_FAILURE;
    }
    int64_t touched_ms = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
    int64_t age_ms = clock_wall_ms() - touched_ms;
    if (age_ms < -ALIVE_MS || age_ms > ALIVE_MS) {
        fprintf(stderr, "unhealthy: the last sign of life is %lld ms old\n", (long long)age_ms);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

// Code and constants come back from the page cache when they are needed. Never what can be written: that would come
// back as it was in the file.
static int give_back(struct dl_phdr_info *object, size_t size_bytes, void *page_bytes) {
    (void)size_bytes;
    uintptr_t page = *(const uintptr_t *)page_bytes;
    for (int i = 0; strncmp(object->dlpi_name, "linux-vdso", 10) != 0 && i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t to = object->dlpi_addr + part->p_vaddr + part->p_filesz;
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) == 0 && to > from) {
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
        }
    }
    return 0;
}

// Most of a service's resident memory is what the libraries needed once: to be loaded, to set up TLS.
static void give_back_code(void) {
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)dl_iterate_phdr(give_back, &page_bytes);
}

void service_alive_touch(void) {
    static unsigned calls;  // of the one thread that calls this
    if (++calls % GIVE_BACK_EVERY == 0) {
        give_back_code();
    }
    int fd = open(ALIVE_PATH, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;  // the health check says so
    }
    futimens(fd, NULL);
    close(fd);
}

static void usage(enum service service, FILE *out) {
    fprintf(out,
            "usage: %s [--check | --health | --help]\n"
            "  --check   print the effective settings and end\n"
            "  --health  succeed if the running service is alive\n"
            "%s"
            "Settings are environment variables RELEVO_*; --check lists them.\n",
            service_name(service),
            service != SERVICE_WATCHER ? ""
                                       : "  --history      print what the running watcher saw lately\n"
                                         "  --replay FILE  play such a history again, each decision with its reason\n");
}

// The log must speak before the settings are known to be good: its language is taken from the raw environment.
static void refuse(const struct err *err) {
    const char *lang = getenv("RELEVO_LANG");
    log_open(text_equal(lang, "en") ? LANG_EN : LANG_ES, LOG_LEVEL_INFO);
    LOG_ERROR(MSG_SETTINGS_REFUSED, KV("error", err->text));
}

bool service_start(enum service service, int argc, char **argv, struct settings *ret, int *ret_exit) {
    const char *option = argc > 1 ? argv[1] : "";
    bool check = strcmp(option, "--check") == 0;
    *ret_exit = EXIT_SUCCESS;
    if (argc > 2 || (argc == 2 && !check && strcmp(option, "--health") != 0 && strcmp(option, "--help") != 0)) {
        fprintf(stderr, "%s: unknown option %s\n", service_name(service), argv[argc - 1]);
        usage(service, stderr);
        *ret_exit = EXIT_USAGE;
        return false;
    }
    if (strcmp(option, "--help") == 0) {
        usage(service, stdout);
        return false;
    }
    if (strcmp(option, "--health") == 0) {
        *ret_exit = health();
        return false;
    }
    struct err err = {0};
    if (!settings_load(service, (const char *const *)environ, ret, &err)) {
        refuse(&err);
        *ret_exit = EXIT_SETTINGS;
        return false;
    }
    if (check) {
        settings_print(service, ret, stdout);
        return false;
    }
    (void)mallopt(M_ARENA_MAX,
                  1);          // a dozen threads that allocate little: an arena for each would be most of the memory
    signal(SIGPIPE, SIG_IGN);  // a peer that hangs up is an error of that write, not the end of the service
    unlink(ALIVE_PATH);        // the sign of life of an earlier run says nothing about this one
    log_open(ret->lang, ret->log_level);
    LOG_INFO(MSG_SERVICE_STARTING, KV("service", service_name(service)), KV("cluster", ret->cluster));
    return true;
}
