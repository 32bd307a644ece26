//! Memory for what a peer or a caller decides the size of: none left is an error, not the end of the process.

use nix::errno::Errno;

/// Makes room for `additional` bytes at the end of `bytes`.
pub fn reserve(bytes: &mut Vec<u8>, additional: usize) -> nix::Result<()> {
    bytes.try_reserve(additional).map_err(|_| Errno::ENOMEM)
}
