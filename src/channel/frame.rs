//! The header of a frame, see docs/wire-format.md.

/// Length of the header in bytes.
pub const HEADER: usize = 8;

/// Flags in the second word of the header, above the count.
const AHEAD: u32 = 1 << 31;
const CARRIER: u32 = 1 << 30;
const COUNT: u32 = CARRIER - 1;

/// The header before each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Length of the payload in bytes.
    pub length: u32,
    /// Number of descriptors that belong to this message.
    pub handles: u32,
    /// True if the frame is no message, but carries descriptors of a later message.
    pub is_carrier: bool,
    /// True if descriptors of later messages were sent with this frame.
    pub is_ahead: bool,
}

impl Header {
    pub fn encode(self) -> [u8; HEADER] {
        let flags = if self.is_carrier { CARRIER } else { 0 } | if self.is_ahead { AHEAD } else { 0 };
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..].copy_from_slice(&(self.handles & COUNT | flags).to_le_bytes());
        bytes
    }

    pub fn decode(bytes: [u8; HEADER]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        let word = u32::from_le_bytes([e, f, g, h]);
        Self {
            length: u32::from_le_bytes([a, b, c, d]),
            handles: word & COUNT,
            is_carrier: word & CARRIER != 0,
            is_ahead: word & AHEAD != 0,
        }
    }

    /// Sets or clears the flag *ahead* in an encoded header.
    pub fn set_ahead(encoded: &mut [u8], is_ahead: bool) {
        const BIT: u8 = (AHEAD >> 24) as u8;
        let last = &mut encoded[HEADER - 1];
        *last = if is_ahead { *last | BIT } else { *last & !BIT };
    }
}
