// A preloaded library (ld.so(8)) between procnative and the C library. It records the functions that procnative calls and the
// places of the calls, or makes one call fail once. Calls of Node.js itself pass unchanged.
//
//   PROCNATIVE_FAULT_OBJECT   the path of the addon
//   PROCNATIVE_FAULT_NOTES    a file that receives a line FUNCTION+OFFSET#COUNT for each call. OFFSET is the place in the addon that
//                             the call returns to, COUNT is the number of the call from that place
//   PROCNATIVE_FAULT          FUNCTION+OFFSET#COUNT=ERRNO: the call that fails, and its errno
//   PROCNATIVE_FAULT_TOKEN    a file that the failing call removes. Of all processes, only the one that removes the file fails
//
// The code also runs between clone(CLONE_VM) and exec, so it neither allocates nor locks.

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The addresses of the addon's code after it was loaded.
static uintptr_t base, begin, end;
static const char *object, *notes, *token;
// The call that fails, as in a note.
static char fault[64];
static int fault_errno;

static int find_object(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size, (void)data;
  size_t length = strlen(info->dlpi_name), wanted = strlen(object);
  if (length < wanted || strcmp(info->dlpi_name + length - wanted, object) != 0) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    if (header->p_type != PT_LOAD || !(header->p_flags & PF_X)) continue;
    base = info->dlpi_addr;
    begin = base + header->p_vaddr;
    end = begin + header->p_memsz;
  }
  return 1;
}

// Numbers of calls by place: a hash table by offset, without removal.
#define PLACES 4096
static struct {
  uintptr_t offset;
  unsigned count;
} places[PLACES];

static unsigned count_call(uintptr_t offset) {
  for (size_t at = offset * 2654435761u % PLACES;; at = (at + 1) % PLACES) {
    uintptr_t there = 0;
    if (__atomic_compare_exchange_n(&places[at].offset, &there, offset, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) || there == offset)
      return __atomic_add_fetch(&places[at].count, 1, __ATOMIC_SEQ_CST);
  }
}

static char *put(char *to, const char *text) {
  while (*text) *to++ = *text++;
  return to;
}

static char *put_number(char *to, unsigned long number, unsigned radix) {
  char digits[20];
  int count = 0;
  do digits[count++] = "0123456789abcdef"[number % radix];
  while (number /= radix);
  while (count > 0) *to++ = digits[--count];
  return to;
}

// Writes FUNCTION+OFFSET#COUNT. A function whose argument selects an operation is FUNCTION:NUMBER. Returns the end of the text.
static char *name_call(char *to, const char *name, long number, uintptr_t offset) {
  to = put(to, name);
  if (number >= 0) to = put_number(put(to, ":"), number, 10);
  to = put_number(put(to, "+"), offset, 16);
  to = put_number(put(to, "#"), count_call(offset), 10);
  *to = 0;
  return to;
}

static void note(const char *call, size_t length) {
  int file = syscall(SYS_openat, AT_FDCWD, notes, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  if (file < 0) return;
  syscall(SYS_write, file, call, length);
  syscall(SYS_close, file);
}

// Returns true if this call must fail.
static int fails(const char *name, long number, void *return_address) {
  uintptr_t address = (uintptr_t)return_address;
  if (address < begin || address >= end) return 0;
  int before = errno;
  char call[64];
  char *last = name_call(call, name, number, address - base);
  int is_it = fault_errno != 0 && strcmp(call, fault) == 0 && syscall(SYS_unlinkat, AT_FDCWD, token, 0) == 0;
  if (notes != NULL) {
    *last++ = '\n';
    note(call, last - call);
  }
  errno = before;
  return is_it;
}

__attribute__((constructor)) static void read_settings(void) {
  object = getenv("PROCNATIVE_FAULT_OBJECT");
  notes = getenv("PROCNATIVE_FAULT_NOTES");
  token = getenv("PROCNATIVE_FAULT_TOKEN");
  const char *wanted = getenv("PROCNATIVE_FAULT");
  const char *equals = wanted == NULL ? NULL : strchr(wanted, '=');
  if (token == NULL || equals == NULL || (size_t)(equals - wanted) >= sizeof fault) return;
  memcpy(fault, wanted, equals - wanted);
  fault_errno = atoi(equals + 1);
}

// Finds the addresses of the addon as soon as it is loaded.
void *dlopen(const char *path, int mode) {
  static void *(*real_dlopen)(const char *, int);
  if (real_dlopen == NULL) real_dlopen = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
  void *opened = real_dlopen(path, mode);
  if (object != NULL && begin == 0) dl_iterate_phdr(find_object, NULL);
  return opened;
}

// Looks the function up at the start, because dlsym(3) locks. Other constructors may call it earlier.
#define REAL(type, name, params)                                                  \
  static type(*real_##name) params;                                               \
  __attribute__((constructor)) static void find_##name(void) {                    \
    real_##name = (type(*) params)dlsym(RTLD_NEXT, #name);                        \
  }
#define FIND(name) if (real_##name == NULL) find_##name()

// A function that returns `bad` and sets errno on failure.
#define CALL(type, bad, name, params, args)                                       \
  REAL(type, name, params)                                                        \
  type name params {                                                              \
    FIND(name);                                                                   \
    if (fails(#name, -1, __builtin_return_address(0))) return errno = fault_errno, bad; \
    return real_##name args;                                                      \
  }

// A function that returns the errno.
#define NUMBERED(name, params, args)                                              \
  REAL(int, name, params)                                                         \
  int name params {                                                               \
    FIND(name);                                                                   \
    if (fails(#name, -1, __builtin_return_address(0))) return fault_errno;        \
    return real_##name args;                                                      \
  }

// A function that has its effect although it fails.
#define DONE(name, params, args)                                                  \
  REAL(int, name, params)                                                         \
  int name params {                                                               \
    FIND(name);                                                                   \
    int result = real_##name args;                                                \
    if (fails(#name, -1, __builtin_return_address(0))) return errno = fault_errno, -1; \
    return result;                                                                \
  }

CALL(int, -1, accept4, (int fd, __SOCKADDR_ARG address, socklen_t *length, int flags), (fd, address, length, flags))
CALL(int, -1, access, (const char *path, int mode), (path, mode))
CALL(int, -1, bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t length), (fd, address, length))
CALL(int, -1, chdir, (const char *path), (path))
DONE(close, (int fd), (fd))
DONE(closedir, (DIR *directory), (directory))
CALL(int, -1, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t length), (fd, address, length))
CALL(int, -1, dup2, (int from, int to), (from, to))
CALL(int, -1, epoll_create1, (int flags), (flags))
CALL(int, -1, epoll_wait, (int epoll, struct epoll_event *events, int most, int timeout), (epoll, events, most, timeout))
CALL(int, -1, eventfd, (unsigned count, int flags), (count, flags))
CALL(int, -1, execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
CALL(int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
CALL(int, -1, flock, (int fd, int operation), (fd, operation))
CALL(int, -1, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
CALL(int, -1, fstat, (int fd, struct stat *to), (fd, to))
CALL(int, -1, fstat64, (int fd, struct stat64 *to), (fd, to))
CALL(int, -1, fstatat, (int at, const char *path, struct stat *to, int flags), (at, path, to, flags))
CALL(int, -1, fstatfs64, (int fd, struct statfs64 *to), (fd, to))
CALL(int, -1, ftruncate, (int fd, off_t length), (fd, length))
CALL(off_t, -1, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
CALL(char *, NULL, getcwd, (char *to, size_t size), (to, size))
NUMBERED(getgrnam_r, (const char *name, struct group *to, char *space, size_t size, struct group **result), (name, to, space, size, result))
NUMBERED(getpwnam_r, (const char *name, struct passwd *to, char *space, size_t size, struct passwd **result), (name, to, space, size, result))
NUMBERED(getpwuid_r, (uid_t uid, struct passwd *to, char *space, size_t size, struct passwd **result), (uid, to, space, size, result))
CALL(int, -1, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *count), (user, group, groups, count))
CALL(int, -1, getgroups, (int size, gid_t groups[]), (size, groups))
CALL(int, -1, getpeername, (int fd, __SOCKADDR_ARG address, socklen_t *length), (fd, address, length))
CALL(pid_t, -1, getpgid, (pid_t pid), (pid))
CALL(ssize_t, -1, getrandom, (void *to, size_t length, unsigned flags), (to, length, flags))
CALL(int, -1, getresgid, (gid_t *a, gid_t *b, gid_t *c), (a, b, c))
CALL(int, -1, getresuid, (uid_t *a, uid_t *b, uid_t *c), (a, b, c))
CALL(pid_t, -1, getsid, (pid_t pid), (pid))
CALL(int, -1, getsockname, (int fd, __SOCKADDR_ARG address, socklen_t *length), (fd, address, length))
CALL(int, -1, getsockopt, (int fd, int level, int name, void *to, socklen_t *length), (fd, level, name, to, length))
CALL(int, 0, isatty, (int fd), (fd))
CALL(int, -1, kill, (pid_t pid, int signal), (pid, signal))
CALL(int, -1, listen, (int fd, int backlog), (fd, backlog))
CALL(off64_t, -1, lseek64, (int fd, off64_t offset, int whence), (fd, offset, whence))
CALL(int, -1, lstat, (const char *path, struct stat *to), (path, to))
CALL(int, -1, memfd_create, (const char *name, unsigned flags), (name, flags))
CALL(void *, MAP_FAILED, mmap, (void *at, size_t length, int protection, int flags, int fd, off_t offset), (at, length, protection, flags, fd, offset))
CALL(void *, MAP_FAILED, mmap64, (void *at, size_t length, int protection, int flags, int fd, off64_t offset), (at, length, protection, flags, fd, offset))
CALL(int, -1, mprotect, (void *at, size_t length, int protection), (at, length, protection))
DONE(munmap, (void *at, size_t length), (at, length))
CALL(DIR *, NULL, opendir, (const char *path), (path))
CALL(int, -1, pipe2, (int fds[2], int flags), (fds, flags))
CALL(int, -1, poll, (struct pollfd *fds, nfds_t count, int timeout), (fds, count, timeout))
CALL(ssize_t, -1, pread, (int fd, void *to, size_t length, off_t offset), (fd, to, length, offset))
CALL(ssize_t, -1, pread64, (int fd, void *to, size_t length, off64_t offset), (fd, to, length, offset))
NUMBERED(pthread_create, (pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument), (thread, attributes, start, argument))
NUMBERED(pthread_sigmask, (int how, const sigset_t *new, sigset_t *old), (how, new, old))
CALL(ssize_t, -1, pwrite, (int fd, const void *from, size_t length, off_t offset), (fd, from, length, offset))
CALL(ssize_t, -1, read, (int fd, void *to, size_t length), (fd, to, length))
CALL(struct dirent64 *, NULL, readdir64, (DIR *directory), (directory))
CALL(ssize_t, -1, readlink, (const char *path, char *to, size_t length), (path, to, length))
CALL(ssize_t, -1, readlinkat, (int at, const char *path, char *to, size_t length), (at, path, to, length))
CALL(char *, NULL, realpath, (const char *path, char *to), (path, to))
CALL(ssize_t, -1, recv, (int fd, void *to, size_t length, int flags), (fd, to, length, flags))
CALL(ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
CALL(ssize_t, -1, send, (int fd, const void *from, size_t length, int flags), (fd, from, length, flags))
CALL(ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
CALL(int, -1, seteuid, (uid_t uid), (uid))
CALL(int, -1, setgroups, (size_t count, const gid_t *groups), (count, groups))
CALL(int, -1, setpgid, (pid_t pid, pid_t group), (pid, group))
CALL(int, -1, setresgid, (gid_t a, gid_t b, gid_t c), (a, b, c))
CALL(int, -1, setresuid, (uid_t a, uid_t b, uid_t c), (a, b, c))
CALL(pid_t, -1, setsid, (void), ())
CALL(int, -1, setsockopt, (int fd, int level, int name, const void *from, socklen_t length), (fd, level, name, from, length))
CALL(int, -1, shutdown, (int fd, int how), (fd, how))
CALL(int, -1, sigaction, (int signal, const struct sigaction *new, struct sigaction *old), (signal, new, old))
CALL(int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, -1, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))
CALL(int, -1, stat, (const char *path, struct stat *to), (path, to))
CALL(int, -1, stat64, (const char *path, struct stat64 *to), (path, to))
CALL(int, -1, statx, (int at, const char *path, int flags, unsigned mask, struct statx *to), (at, path, flags, mask, to))
CALL(pid_t, -1, tcgetpgrp, (int fd), (fd))
CALL(pid_t, -1, tcgetsid, (int fd), (fd))
CALL(int, -1, tcsetpgrp, (int fd, pid_t group), (fd, group))
CALL(int, -1, unlinkat, (int at, const char *path, int flags), (at, path, flags))
CALL(pid_t, -1, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
CALL(ssize_t, -1, write, (int fd, const void *from, size_t length), (fd, from, length))
CALL(ssize_t, -1, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))

REAL(int, epoll_ctl, (int epoll, int what, int fd, struct epoll_event *event))
int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event) {
  FIND(epoll_ctl);
  if (fails("epoll_ctl", what, __builtin_return_address(0))) return errno = fault_errno, -1;
  return real_epoll_ctl(epoll, what, fd, event);
}

// Variadic functions: passes as many arguments as the kernel takes.
#define VARIADIC(name, first, given, number, argument)                            \
  REAL(int, name, first)                                                          \
  int name first {                                                                \
    FIND(name);                                                                   \
    va_list rest;                                                                 \
    va_start(rest, argument);                                                     \
    long more[4];                                                                 \
    for (int i = 0; i < 4; i++) more[i] = va_arg(rest, long);                     \
    va_end(rest);                                                                 \
    if (fails(#name, number, __builtin_return_address(0))) return errno = fault_errno, -1; \
    return real_##name given;                                                     \
  }

VARIADIC(open, (const char *path, int flags, ...), (path, flags, (mode_t)more[0]), -1, flags)
VARIADIC(openat, (int at, const char *path, int flags, ...), (at, path, flags, (mode_t)more[0]), -1, flags)
VARIADIC(open64, (const char *path, int flags, ...), (path, flags, (mode_t)more[0]), -1, flags)
VARIADIC(fcntl, (int fd, int what, ...), (fd, what, more[0]), what, what)
VARIADIC(fcntl64, (int fd, int what, ...), (fd, what, more[0]), what, what)
VARIADIC(ioctl, (int fd, unsigned long what, ...), (fd, what, more[0]), (long)what, what)
VARIADIC(prctl, (int what, ...), (what, more[0], more[1], more[2], more[3]), what, what)

REAL(long, syscall, (long number, ...))
long syscall(long number, ...) {
  FIND(syscall);
  va_list rest;
  va_start(rest, number);
  long given[6];
  for (int i = 0; i < 6; i++) given[i] = va_arg(rest, long);
  va_end(rest);
  // close(2) has its effect although it fails, like close() above.
  int is_done = number == SYS_close;
  long result = is_done ? real_syscall(number, given[0]) : 0;
  // Calls of this file do not come from the addon.
  if (fails("syscall", number, __builtin_return_address(0))) return errno = fault_errno, -1;
  return is_done ? result : real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

REAL(int, clone, (int (*start)(void *), void *stack, int flags, void *argument, ...))
int clone(int (*start)(void *), void *stack, int flags, void *argument, ...) {
  FIND(clone);
  va_list rest;
  va_start(rest, argument);
  void *more[3];
  for (int i = 0; i < 3; i++) more[i] = va_arg(rest, void *);
  va_end(rest);
  if (fails("clone", -1, __builtin_return_address(0))) return errno = fault_errno, -1;
  return real_clone(start, stack, flags, argument, more[0], more[1], more[2]);
}
