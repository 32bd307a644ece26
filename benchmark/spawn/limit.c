// limit MEGABYTES CALLS: calls posix_spawn() of /bin/true, with MEGABYTES of resident memory. Prints as JSON the milliseconds of
// each call, and until the end of the child.

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "../limit.h"

extern char **environ;

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MEGABYTES CALLS\n", argv[0]);
    return 2;
  }
  size_t bytes = (size_t)atoi(argv[1]) << 20;
  int calls = atoi(argv[2]);
  // Written, because only written pages are resident.
  char *hoard = malloc(bytes);
  if (hoard == NULL) fail("malloc");
  memset(hoard, 1, bytes);
  for (int call = 0; call < calls; call++) {
    char *arguments[] = {"true", NULL};
    pid_t pid;
    double began = now();
    if ((errno = posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ)) != 0) fail("posix_spawn");
    double called = now() - began;
    if (waitpid(pid, NULL, 0) != pid) fail("waitpid");
    printf("%c[%f,%f]", call == 0 ? '[' : ',', called, now() - began);
  }
  printf("]\n");
  // Used at the end, or the compiler may leave it out.
  return hoard[bytes / 2] == 0;
}
