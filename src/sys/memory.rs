//! Memory whose size a peer or a caller decides. If there is not enough, the call fails, and the process goes on.

use nix::errno::Errno;

/// Reserves room for `additional` bytes at the end of `bytes`.
pub fn reserve(bytes: &mut Vec<u8>, additional: usize) -> nix::Result<()> {
    bytes.try_reserve(additional).map_err(|_| Errno::ENOMEM)
}
