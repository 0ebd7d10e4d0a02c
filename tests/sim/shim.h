// Included before everything else into the services' files that the simulation links: threads become coroutines, clocks
// virtual. The files themselves are the ones that ship.
#pragma once
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int shim_thread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int shim_join(pthread_t thread, void **ret);
int shim_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int shim_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int shim_signal(pthread_cond_t *condition);
int shim_now(clockid_t clock, struct timespec *ret);
int shim_hostname(char *name, size_t size_bytes);
FILE *shim_open(const char *path, const char *mode);

#define pthread_create shim_thread_create
#define pthread_join shim_join
#define pthread_cond_wait shim_wait
#define pthread_cond_timedwait shim_timedwait
#define pthread_cond_signal shim_signal
#define pthread_cond_init(condition, attributes) ((void)(condition), (void)(attributes))
#define pthread_cond_destroy(condition) ((void)(condition))
#define pthread_condattr_init(attributes) ((void)(attributes))
#define pthread_condattr_setclock(attributes, clock) ((void)(attributes), (void)(clock))
#define pthread_condattr_destroy(attributes) ((void)(attributes))
#define pthread_mutex_init(mutex, attributes) ((void)(mutex))
#define pthread_mutex_lock(mutex) ((void)(mutex))
#define pthread_mutex_unlock(mutex) ((void)(mutex))
#define pthread_mutex_destroy(mutex) ((void)(mutex))
#define clock_gettime shim_now
#define gethostname shim_hostname
#define fopen shim_open
