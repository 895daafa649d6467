/* A clock that jumps: once the file $CLOCK_JUMP_FILE exists, the clock named by $CLOCK_JUMP_CLOCK
 * ("wall" or "boot") is $CLOCK_JUMP_SECONDS further. Preloaded, so that all of a process sees it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(const char *clock) {
    const char *file = getenv("CLOCK_JUMP_FILE"), *seconds = getenv("CLOCK_JUMP_SECONDS");
    const char *which = getenv("CLOCK_JUMP_CLOCK");
    if (!file || !seconds || !which || strcmp(which, clock) || access(file, F_OK)) return 0;
    return atol(seconds);
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int ended = real(clock, out);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) out->tv_sec += shift("wall");
    if (clock == CLOCK_BOOTTIME) out->tv_sec += shift("boot");
    return ended;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
