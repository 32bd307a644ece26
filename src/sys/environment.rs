use std::ffi::{CStr, c_char};

unsafe extern "C" {
    /// environ(7)
    static environ: *const *const c_char;
}

/// The variables of this process, each with its NUL, in their order. With std::env::vars_os(3) each would be taken
/// apart, and one without a `=` left out.
///
/// lib/environment.js asks for them only where no other thread of Node's can call setenv(3) meanwhile.
pub fn variables() -> Vec<u8> {
    let mut block = Vec::with_capacity(4096);
    // SAFETY: the array ends in null, and each entry is a C string. Both stay: only this thread changes them.
    unsafe {
        let mut next = environ;
        while !next.is_null() && !(*next).is_null() {
            block.extend_from_slice(CStr::from_ptr(*next).to_bytes_with_nul());
            next = next.add(1);
        }
    }
    block
}
