// Linked into the addon that is instrumented for AddressSanitizer, which knows nothing of a child in our memory, on a stack of
// its own.

#include <stddef.h>
#include <sys/types.h>

int __clone(int (*)(void *), void *, int, void *, pid_t *, void *, pid_t *);
void __asan_unpoison_memory_region(const volatile void *, size_t);

/* As in src/clone/stack.rs. */
enum { SIZE = 64 * 1024 };

// The frames of a child that has exec'd or died never return, so that what marks them in the shadow memory stays: once the
// stack is unmapped, it would be V8's new memory there that is not to be touched.
int __wrap_clone(int (*run)(void *), void *stack, int flags, void *with, pid_t *parent, void *tls, pid_t *pid) {
  int result = __clone(run, stack, flags, with, parent, tls, pid);
  __asan_unpoison_memory_region((char *)stack - SIZE, SIZE);
  return result;
}

// Before a call that does not return, the runtime's own clears the marks of the thread's frames. Before _exit(2) in a child it
// warns that it can't, into a log whose descriptor it then leaves in the table that the child shares with us. A panic is seen to
// elsewhere, by its interceptor of _Unwind_RaiseException.
void __asan_handle_no_return(void) {}
