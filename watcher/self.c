// Who holds the lease. The same after a restart, so that a killed watcher need not wait for its own lease to run out;
// different on another machine, whose boot has another id, and in another container of this one, though both may bear the
// same host name.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/text.h"
#include "watcher/watcher_parts.h"

// A sum over the name of the file that the engine put in the place of /etc/hostname: it holds the container's id. 0: none.
static uint32_t container(void) {
    char line[1024], root[512], point[256];
    uint32_t sum = 0;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*s %*s %*s %511s %255s", root, point) == 2 && text_equal(point, "/etc/hostname")) {
            for (const char *at = root; *at; at++) {
                sum = (sum ^ (unsigned char)*at) * UINT32_C(16777619);
            }
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return sum;
}

void self_name(char id[80]) {
    char host[40] = "watcher", boot[9] = "";
    (void)gethostname(host, sizeof host - 1);
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    uint32_t number = 0;
    if (file && fgets(boot, sizeof boot, file)) {
        number = (uint32_t)strtoul(boot, NULL, 16) ^ container();
    } else {
        (void)!getrandom(&number, sizeof number, 0);
    }
    if (file) {
        (void)fclose(file);
    }
    (void)text_format(id, 80, "%s-%08" PRIx32, host, number);
}
