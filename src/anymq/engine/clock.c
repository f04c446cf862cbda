/* Time, poll and wake-ups: what differs between platforms (this file: POSIX, eventfd on Linux). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t amq_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t amq_now_coarse(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
    return read_clock(CLOCK_MONOTONIC_COARSE);
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}

int amq_poll(int first, int second, int64_t ns)
{
    struct pollfd fds[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
#ifdef __linux__
    struct timespec limit = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    int n = ppoll(fds, 2, ns < 0 ? NULL : &limit, NULL);
#else
    int64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;
    int n = poll(fds, 2, ns < 0 ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms);
#endif
    if (n < 0)
        return errno == EINTR ? -1 : 0;
    return (fds[0].revents != 0) | (fds[1].revents != 0) << 1;
}

void amq_sleep(int64_t ns)
{
    struct timespec t = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    nanosleep(&t, NULL);
}

bool amq_alone(void)
{
#ifdef __linux__
    cpu_set_t processors;
    /* more of them than fit in the set are an error */
    return sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) == 1;
#else
    return sysconf(_SC_NPROCESSORS_ONLN) == 1;
#endif
}

#ifdef __linux__

int amq_wake_open(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void amq_wake_set(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void amq_wake_clear(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

void amq_wake_close(int fd)
{
    close(fd);
}

int amq_group_open(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static int group_control(int group, int how, int fd, int mask)
{
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u64 = (uint64_t)mask << 32 | (uint32_t)fd}};
    return epoll_ctl(group, how, fd, &event);
}

int amq_group_add(int group, int fd, int mask)
{
    int result = group_control(group, EPOLL_CTL_ADD, fd, mask);
    /* The number of a descriptor that was closed may come back before the group has noticed. */
    return result < 0 && errno == EEXIST ? amq_group_change(group, fd, mask) : result;
}

int amq_group_change(int group, int fd, int mask)
{
    return group_control(group, EPOLL_CTL_MOD, fd, mask);
}

void amq_group_remove(int group, int fd)
{
    epoll_ctl(group, EPOLL_CTL_DEL, fd, NULL);
}

int amq_group_poll(int group, int wake)
{
    struct epoll_event events[4];
    int mask = 0, n = epoll_wait(group, events, 4, 0);
    for (int i = 0; i < n; i++) {
        mask |= (int)(events[i].data.u64 >> 32);
        if ((int)(uint32_t)events[i].data.u64 == wake)
            amq_wake_clear(wake);
    }
    return mask;
}

#else
#error "this platform needs its own wake-up descriptor (a pipe would do) and group (kqueue would)"
#endif
