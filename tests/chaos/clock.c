// A clock of its own for a process: loaded before its libraries (LD_PRELOAD), adds the seconds that the file CLOCK_FILE
// holds, eight bytes which may change at any time, to the time of day. The monotonic clock goes on as it is. (faketime
// takes a lock and allocates memory to tell the time: Redis, whose allocator asks for it, does not start with it.)
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { YEAR_2001_S = 1000000000 };  // no machine has been up for as long

static const _Atomic int64_t *added_s;

__attribute__((constructor)) static void map_clock(void) {
    const char *path = getenv("CLOCK_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) {
        return;
    }
    void *map = mmap(NULL, sizeof *added_s, PROT_READ, MAP_SHARED, file, 0);
    (void)close(file);
    added_s = map == MAP_FAILED ? NULL : map;
}

static int64_t added(void) {
    return added_s ? atomic_load_explicit(added_s, memory_order_relaxed) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
    long result = syscall(SYS_clock_gettime, clock, ret);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        ret->tv_sec += added();
    }
    return (int)result;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
    (void)zone;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    ret->tv_sec = now.tv_sec;
    ret->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret) {
        *ret = now.tv_sec;
    }
    return now.tv_sec;
}

// Deadlines are told by the clock that was read, and waited for by the kernel's.
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    struct timespec real = *until;
    if (until->tv_sec < YEAR_2001_S) {
        return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, until);
    }
    real.tv_sec -= added();
    return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &real);
}
