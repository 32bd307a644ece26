// limit poll|epoll CHILDREN DEATHS: starts CHILDREN children that sleep, and waits for them by pidfds. Prints as JSON the
// milliseconds from each kill() until the death was known: of DEATHS children one by one, each of which is replaced, then of all
// children in a burst. Also prints the memory of the children: {"spread":[0.05],"burst":[0.09],"megabytes":0.1}

#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../limit.h"

extern char **environ;

static int count, epoll = -1;
static pid_t *pids;
// Arrays with an element for each child, at the same index.
static struct pollfd *polled;
static double *killed;

static double resident(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) fail("/proc/self/statm");
  fclose(file);
  return pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void start(int at) {
  char *arguments[] = {"sleep", "1000", NULL};
  if ((errno = posix_spawn(&pids[at], "/bin/sleep", NULL, NULL, arguments, environ)) != 0) fail("posix_spawn");
  int pidfd = syscall(SYS_pidfd_open, pids[at], 0);
  if (pidfd < 0) fail("pidfd_open");
  polled[at] = (struct pollfd){.fd = pidfd, .events = POLLIN};
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = at};
  if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, pidfd, &event) < 0) fail("epoll_ctl");
}

// A child dies faster while the kernel loads its program.
static void await_sleep(int at) {
  char path[64], state;
  snprintf(path, sizeof path, "/proc/%d/stat", pids[at]);
  do {
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d (sleep) %c", &state) < 0) fail(path);
    fclose(file);
  } while (state != 'S');
}

static void end(int at) {
  killed[at] = now();
  if (kill(pids[at], SIGKILL) < 0) fail("kill");
}

static double bury(int at) {
  siginfo_t status;
  if (waitid(P_PIDFD, polled[at].fd, &status, WEXITED) < 0) fail("waitid");
  double took = now() - killed[at];
  close(polled[at].fd);
  polled[at].fd = -1;
  return took;
}

// Waits for a number of deaths of killed children.
static void wait_for(int deaths, double *times) {
  struct epoll_event events[1024];
  while (deaths > 0) {
    if (epoll >= 0) {
      int ready = epoll_wait(epoll, events, 1024, -1);
      for (int i = 0; i < ready; i++, deaths--) *times++ = bury(events[i].data.u32);
    } else {
      if (poll(polled, count, -1) < 0) fail("poll");
      for (int at = 0; at < count; at++)
        if (polled[at].fd >= 0 && polled[at].revents) *times++ = bury(at), deaths--;
    }
  }
}

static void print(const char *name, const double *times, int length) {
  printf("\"%s\":[", name);
  for (int i = 0; i < length; i++) printf("%s%f", i == 0 ? "" : ",", times[i]);
  printf("],");
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s poll|epoll CHILDREN DEATHS\n", argv[0]);
    return 2;
  }
  count = atoi(argv[2]);
  int deaths = atoi(argv[3]);
  if (strcmp(argv[1], "epoll") == 0 && (epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  double before = resident();
  pids = calloc(count, sizeof *pids);
  polled = calloc(count, sizeof *polled);
  killed = calloc(count, sizeof *killed);
  for (int at = 0; at < count; at++) start(at);
  for (int at = 0; at < count; at++) await_sleep(at);
  double megabytes = resident() - before;
  double *spread = calloc(deaths, sizeof *spread), *burst = calloc(count, sizeof *burst);
  for (int death = 0; death < deaths; death++) {
    int at = death % count;
    end(at);
    wait_for(1, &spread[death]);
    start(at);
    await_sleep(at);
  }
  for (int at = 0; at < count; at++) end(at);
  wait_for(count, burst);
  printf("{");
  print("spread", spread, deaths);
  print("burst", burst, count);
  printf("\"threads\":0,\"megabytes\":%f}\n", megabytes);
  return 0;
}
