// The limit of the kernel: messages with descriptors between two processes, by one sendmsg() and one recvmsg() a message, and a
// close() for each descriptor. Without encoding, queue and promises.
//
//   limit flood MESSAGES DESCRIPTORS BYTES ROUNDS    prints the milliseconds of each round, from the first message until the
//                                                    receiver has confirmed all messages: [1.25,1.19]
//   limit trip TRIPS                                 prints the milliseconds of each round trip of a byte with a descriptor

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../limit.h"

#define MOST 253

static void send_message(int to, char *data, size_t length, int descriptor, int count) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(MOST * sizeof(int))];
  } control;
  struct iovec part = {data, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    int *descriptors = (int *)CMSG_DATA(&control.header);
    for (int i = 0; i < count; i++) descriptors[i] = descriptor;
  }
  ssize_t sent;
  // The limit of open files also limits descriptors in flight. At the limit, the receiver must catch up.
  while ((sent = sendmsg(to, &message, 0)) < 0 && errno == ETOOMANYREFS) sched_yield();
  if (sent != (ssize_t)length) fail("sendmsg");
}

// Returns the number of received bytes. Adds the number of received descriptors, and closes them, except the wanted one.
static ssize_t receive(int from, char *data, size_t length, long *descriptors, int *wanted) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(MOST * sizeof(int))];
  } control;
  struct iovec part = {data, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t received = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
  if (received <= 0) fail("recvmsg");
  if (message.msg_flags & MSG_CTRUNC) {
    fprintf(stderr, "descriptors were lost\n");
    exit(1);
  }
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL) return received;
  int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  int *came = (int *)CMSG_DATA(header);
  *descriptors += count;
  for (int i = 0; i < count; i++) {
    if (wanted != NULL) *wanted = came[i];
    else if (close(came[i]) < 0) fail("close");
  }
  return received;
}

static void flood(int socket, int descriptor, long messages, int count, size_t length) {
  char *data = calloc(length, 1);
  for (long i = 0; i < messages; i++) send_message(socket, data, length, descriptor, count);
  free(data);
}

static void drain(int socket, long messages, int count, size_t length) {
  size_t room = length < 65536 ? 65536 : length;
  char *data = malloc(room);
  long descriptors = 0;
  for (ssize_t left = messages * length; left > 0;) left -= receive(socket, data, room, &descriptors, NULL);
  if (descriptors != messages * count) {
    fprintf(stderr, "%ld descriptors of %ld\n", descriptors, messages * count);
    exit(1);
  }
  free(data);
}

static void print(const double *times, long count) {
  for (long i = 0; i < count; i++) printf("%c%.6f", i == 0 ? '[' : ',', times[i]);
  printf("]\n");
}

static void measure_flood(int socket, int descriptor, char **argv) {
  long messages = atol(argv[2]), rounds = atol(argv[5]);
  double *times = calloc(rounds, sizeof *times);
  char told;
  for (long round = 0; round < rounds; round++) {
    double began = now();
    flood(socket, descriptor, messages, atoi(argv[3]), atol(argv[4]));
    if (read(socket, &told, 1) != 1) fail("read");
    times[round] = now() - began;
  }
  print(times, rounds);
}

static void answer_flood(int socket, char **argv) {
  for (long round = 0; round < atol(argv[5]); round++) {
    drain(socket, atol(argv[2]), atoi(argv[3]), atol(argv[4]));
    if (write(socket, "", 1) != 1) fail("write");
  }
}

static void measure_trip(int socket, int descriptor, long trips) {
  double *times = calloc(trips, sizeof *times);
  long descriptors = 0;
  char data = 0;
  for (long trip = 0; trip < trips; trip++) {
    double began = now();
    send_message(socket, &data, 1, descriptor, 1);
    receive(socket, &data, 1, &descriptors, NULL);
    times[trip] = now() - began;
  }
  print(times, trips);
}

static void answer_trip(int socket, long trips) {
  long descriptors = 0;
  char data = 0;
  int wanted = -1;
  for (long trip = 0; trip < trips; trip++) {
    receive(socket, &data, 1, &descriptors, &wanted);
    send_message(socket, &data, 1, wanted, 1);
    close(wanted);
  }
}

int main(int argc, char **argv) {
  int is_trip = argc == 3 && strcmp(argv[1], "trip") == 0;
  int is_flood = argc == 6 && strcmp(argv[1], "flood") == 0 && atoi(argv[3]) <= MOST;
  if (!is_trip && !is_flood) {
    fprintf(stderr, "usage: %s flood MESSAGES DESCRIPTORS BYTES ROUNDS | trip TRIPS\n", argv[0]);
    return 2;
  }
  // A listening server, like the other contenders.
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 || listen(descriptor, 511) < 0) fail("listen");
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) fail("socketpair");
  pid_t child = fork();
  if (child < 0) fail("fork");
  close(pair[child != 0]);
  if (child == 0) {
    if (is_trip) answer_trip(pair[1], atol(argv[2]));
    else answer_flood(pair[1], argv);
    return 0;
  }
  if (is_trip) measure_trip(pair[0], descriptor, atol(argv[2]));
  else measure_flood(pair[0], descriptor, argv);
  int status;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
