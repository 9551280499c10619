//! Reading and writing the octets of binary protocols: big-endian numbers, length prefixes.

/// Appends what `body` writes, with its length in `WIDTH` octets before it.
pub(crate) fn prefixed<const WIDTH: usize>(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; WIDTH]);
    body(out);
    let len = (out.len() - start - WIDTH) as u32;
    out[start..start + WIDTH].copy_from_slice(&len.to_be_bytes()[4 - WIDTH..]);
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

/// What is left to read. Every read gives nothing past the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        let octets = self.take(2)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// What a length of `WIDTH` octets announces.
    pub(crate) fn prefixed<const WIDTH: usize>(&mut self) -> Option<Self> {
        let octets = self.take(WIDTH)?;
        let len = octets
            .iter()
            .fold(0, |len, octet| len << 8 | usize::from(*octet));
        Some(Self(self.take(len)?))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
