use std::ffi::{CStr, c_char};

unsafe extern "C" {
    /// See environ(7).
    static mut environ: *const *const c_char;
}

/// Returns the variables of this process in their order, each with its NUL. std::env::vars_os() would split each
/// variable, and leave out variables without a `=`.
///
/// lib/process/environment.js calls this only while no other thread of Node can call setenv(3).
pub fn variables() -> Vec<u8> {
    let mut block = Vec::with_capacity(4096);
    // SAFETY: the array ends in null, and each entry is a C string. Both stay valid, because no other thread changes
    // them now.
    unsafe {
        let mut next = environ;
        while !next.is_null() && !(*next).is_null() {
            block.extend_from_slice(CStr::from_ptr(*next).to_bytes_with_nul());
            next = next.add(1);
        }
    }
    block
}
