//! MD5 (RFC 1321): entity tags of objects and the check of `Content-MD5` are made of it. It keeps
//! no secret here and is asked to keep none.

/// Octets of a block.
const BLOCK: usize = 64;

/// How far each step rotates (RFC 1321, section 3.4).
const ROTATIONS: [[u32; 4]; 4] = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
];

/// A digest in the making.
#[derive(Clone, Debug)]
pub(super) struct Md5 {
    state: [u32; 4],
    waiting: Vec<u8>,
    /// Octets so far.
    length: u64,
    sines: [u32; 64],
}

impl Md5 {
    pub(super) fn new() -> Self {
        // 2^32 times the absolute sine of 1, 2, 3 ... radians.
        let sine = |step: usize| ((step as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
        Self {
            state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476],
            waiting: Vec::with_capacity(BLOCK),
            length: 0,
            sines: std::array::from_fn(sine),
        }
    }

    /// The digest of `octets`.
    pub(super) fn of(octets: &[u8]) -> [u8; 16] {
        let mut digest = Self::new();
        digest.update(octets);
        digest.finish()
    }

    pub(super) fn update(&mut self, octets: &[u8]) {
        self.length += octets.len() as u64;
        let mut octets = octets;
        if !self.waiting.is_empty() {
            let (first, rest) = octets.split_at(octets.len().min(BLOCK - self.waiting.len()));
            self.waiting.extend_from_slice(first);
            octets = rest;
            if self.waiting.len() < BLOCK {
                return;
            }
            let block = std::mem::take(&mut self.waiting);
            self.block(&block);
        }
        let mut blocks = octets.chunks_exact(BLOCK);
        for block in &mut blocks {
            self.block(block);
        }
        self.waiting.extend_from_slice(blocks.remainder());
    }

    pub(super) fn finish(mut self) -> [u8; 16] {
        let bits = self.length.wrapping_mul(8).to_le_bytes();
        let zeros = (BLOCK + 55 - self.waiting.len()) % BLOCK;
        self.update(&[0x80]);
        self.update(&vec![0; zeros]);
        self.update(&bits);
        let mut digest = [0; 16];
        for (four, word) in digest.chunks_exact_mut(4).zip(self.state) {
            four.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }

    fn block(&mut self, block: &[u8]) {
        let mut words = [0; 16];
        for (word, four) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_le_bytes(four.try_into().expect("four octets"));
        }
        let [mut a, mut b, mut c, mut d] = self.state;
        for step in 0..64 {
            let (mixed, at) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), 7 * step % 16),
            };
            let sum = a.wrapping_add(mixed).wrapping_add(words[at]);
            let sum = sum.wrapping_add(self.sines[step]);
            let turned = sum.rotate_left(ROTATIONS[step / 16][step % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        for (state, word) in self.state.iter_mut().zip([a, b, c, d]) {
            *state = state.wrapping_add(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use wirelab_model::hex;

    use super::*;

    /// RFC 1321, section A.5, and the lengths around a block's end.
    #[test]
    fn the_digests_are_the_standards() {
        let digits = "1234567890".repeat(8);
        for (text, wanted) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            (&digits, "57edf4a22be3c955ac49da2e2107b67a"),
        ] {
            assert_eq!(hex(&Md5::of(text.as_bytes())), wanted);
        }
        for length in 50..140 {
            let octets = vec![b'x'; length];
            let mut parts = Md5::new();
            octets.chunks(7).for_each(|it| parts.update(it));
            assert_eq!(parts.finish(), Md5::of(&octets), "{length}");
        }
    }
}
