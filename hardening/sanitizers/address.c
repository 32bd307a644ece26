// Linked into the addon with AddressSanitizer, whose runtime does not know children that share the memory and have their own
// stack.

#include <stddef.h>
#include <sys/types.h>

int __clone(int (*)(void *), void *, int, void *, pid_t *, void *, pid_t *);
void __asan_unpoison_memory_region(const volatile void *, size_t);

/* Must equal the size in src/clone/stack.rs. */
enum { SIZE = 64 * 1024 };

// The frames of a child that has exec'd or died never return, so their marks stay in the shadow memory. After the stack was
// unmapped, V8 may map memory there, and the runtime would report an access to it.
int __wrap_clone(int (*run)(void *), void *stack, int flags, void *with, pid_t *parent, void *tls, pid_t *pid) {
  int result = __clone(run, stack, flags, with, parent, tls, pid);
  __asan_unpoison_memory_region((char *)stack - SIZE, SIZE);
  return result;
}

// Before a call that does not return, the runtime's version clears the marks of the thread's frames. In a child it can't, and
// warns in a log, whose descriptor stays open in the table that the child shares with its parent. For a panic, the runtime
// clears the marks in its interceptor of _Unwind_RaiseException.
void __asan_handle_no_return(void) {}
