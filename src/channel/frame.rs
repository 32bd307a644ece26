//! The wire format, docs/wire-format.md.

/// How long the header is.
pub const HEADER: usize = 8;

/// Bits of the header's second word, above the count.
const AHEAD: u32 = 1 << 31;
const CARRIER: u32 = 1 << 30;
const COUNT: u32 = CARRIER - 1;

/// What stands before each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    pub length: u32,
    /// How many descriptors are this message's.
    pub handles: u32,
    /// No message: it is there to carry descriptors.
    pub is_carrier: bool,
    /// Descriptors of later messages were sent along.
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

    /// Says in a header that was encoded whether descriptors of later messages are sent along.
    pub fn set_ahead(encoded: &mut [u8], is_ahead: bool) {
        const BIT: u8 = (AHEAD >> 24) as u8;
        let last = &mut encoded[HEADER - 1];
        *last = if is_ahead { *last | BIT } else { *last & !BIT };
    }
}
