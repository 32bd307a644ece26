// Replaces clone(2) in code with ThreadSanitizer. The interceptor of the runtime takes each clone for a fork, which copies the
// memory and the runtime's state. A child of CLONE_VM|CLONE_VFORK shares both, and runs while its parent is stopped. So this
// wrapper presents the child to the runtime as a fiber of the parent's thread.

#include <errno.h>
#include <sys/types.h>

int __clone(int (*)(void *), void *, int, void *, pid_t *, void *, pid_t *);
void *__tsan_create_fiber(unsigned);
void *__tsan_get_current_fiber(void);
void __tsan_switch_to_fiber(void *, unsigned);
void __tsan_destroy_fiber(void *);

struct child {
  int (*run)(void *);
  void *with;
  void *fiber;
};

static int in_fiber(void *given) {
  struct child *child = given;
  __tsan_switch_to_fiber(child->fiber, 0);
  return child->run(child->with);
}

int __wrap_clone(int (*run)(void *), void *stack, int flags, void *with, pid_t *parent, void *tls, pid_t *pid) {
  void *here = __tsan_get_current_fiber();
  struct child child = {run, with, __tsan_create_fiber(0)};
  int result = __clone(in_fiber, stack, flags, &child, parent, tls, pid);
  int error = errno;
  __tsan_switch_to_fiber(here, 0);
  __tsan_destroy_fiber(child.fiber);
  errno = error;
  return result;
}
