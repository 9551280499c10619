//! Digests and the encodings they are written in.
//!
//! The digests are their standards' own steps over one message: a value is small, and none of them
//! guards a secret here. Sources: RFC 1321 (MD5), FIPS 180-4 (SHA-1, SHA-256, SHA-512), RFC 4648
//! (base 64), ISO 3309 (CRC-32).

use super::{Function, functions};
use crate::athena::error::Fault;
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "md5(varbinary):varbinary" |_, v| Ok(bytes(md5(v[0].bytes())));
    "sha1(varbinary):varbinary" |_, v| Ok(bytes(sha1(v[0].bytes())));
    "sha256(varbinary):varbinary" |_, v| Ok(bytes(sha256(v[0].bytes())));
    "sha512(varbinary):varbinary" |_, v| Ok(bytes(sha512(v[0].bytes())));
    "crc32(varbinary):bigint" |_, v| Ok(Value::Int(crc32(v[0].bytes()).into()));
    "to_base64(varbinary):varchar" |_, v| Ok(Value::str(encode(v[0].bytes(), false)));
    "to_base64url(varbinary):varchar" |_, v| Ok(Value::str(encode(v[0].bytes(), true)));
    "from_base64(varchar):varbinary" |_, v| decode(v[0].text(), false).map(bytes)
        .ok_or_else(|| Fault::argument("Input is not valid base64"));
    "from_base64url(varchar):varbinary" |_, v| decode(v[0].text(), true).map(bytes)
        .ok_or_else(|| Fault::argument("Input is not valid base64url"));
    "from_hex(varchar):varbinary" |_, v| from_hex(v[0].text()).map(bytes)
        .ok_or_else(|| Fault::argument("Input is not valid hex"));
    "length(varbinary):bigint" |_, v| Ok(Value::Int(v[0].bytes().len() as i64));
};

fn bytes<'a>(octets: Vec<u8>) -> Value<'a> {
    Value::Bytes(octets.into())
}

/// The octets of hexadecimal digits; `None` for anything else.
pub(in crate::athena) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let pairs = digits.chunks_exact(2);
    Some(pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

/// The digit of a value of six bits.
fn digit(value: u32, url: bool) -> char {
    let letter = |first: u8, at: u32| char::from(first + at as u8);
    match value {
        0..26 => letter(b'A', value),
        26..52 => letter(b'a', value - 26),
        52..62 => letter(b'0', value - 52),
        62 => ['+', '-'][usize::from(url)],
        _ => ['/', '_'][usize::from(url)],
    }
}

fn encode(octets: &[u8], url: bool) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for chunk in octets.chunks(3) {
        let mut four = [0; 4];
        four[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(four);
        for at in 0..4 {
            text.push(match at > chunk.len() {
                true => '=',
                false => digit(bits >> (18 - 6 * at) & 0x3f, url),
            });
        }
    }
    text
}

fn decode(text: &str, url: bool) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let (mut octets, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for c in digits.chars() {
        let value = (0..64).find(|value| digit(*value, url) == c)?;
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
        }
    }
    (count < 6).then_some(octets)
}

fn crc32(message: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let start = crc ^ u32::from(*byte);
        (0..8).fold(start, |crc, _| crc >> 1 ^ (crc & 1) * 0xEDB8_8320)
    };
    !message.iter().fold(u32::MAX, step)
}

/// The message, a set bit, zeros to a whole block and the length in bits.
fn padded(message: &[u8], block: usize, length: &[u8]) -> Vec<u8> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while !(padded.len() + length.len()).is_multiple_of(block) {
        padded.push(0);
    }
    padded.extend_from_slice(length);
    padded
}

fn bits(message: &[u8]) -> u64 {
    (message.len() as u64).wrapping_mul(8)
}

fn md5(message: &[u8]) -> Vec<u8> {
    const TURNS: [[u32; 4]; 4] = [
        [7, 12, 17, 22],
        [5, 9, 14, 20],
        [4, 11, 16, 23],
        [6, 10, 15, 21],
    ];
    let mut state: [u32; 4] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
    for block in padded(message, 64, &bits(message).to_le_bytes()).chunks_exact(64) {
        let word = |at: usize| {
            let octets = &block[at * 4..at * 4 + 4];
            u32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]])
        };
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (f, at) = match i / 16 {
                0 => (b & c | !b & d, i),
                1 => (d & b | !d & c, (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), 7 * i % 16),
            };
            let sine = (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(f).wrapping_add(sine).wrapping_add(word(at));
            let turned = sum.rotate_left(TURNS[i / 16][i % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        for (kept, new) in state.iter_mut().zip([a, b, c, d]) {
            *kept = kept.wrapping_add(new);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn sha1(message: &[u8]) -> Vec<u8> {
    let mut state: [u32; 5] = [
        0x6745_2301,
        0xEFCD_AB89,
        0x98BA_DCFE,
        0x1032_5476,
        0xC3D2_E1F0,
    ];
    for block in padded(message, 64, &bits(message).to_be_bytes()).chunks_exact(64) {
        let mut words = words32(block);
        for i in 16..80 {
            let next = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
            words.push(next.rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (i, word) in words.iter().enumerate() {
            let (f, k) = match i / 20 {
                0 => (b & c | !b & d, 0x5A82_7999),
                1 => (b ^ c ^ d, 0x6ED9_EBA1),
                2 => (b & c | b & d | c & d, 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6_u32),
            };
            let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e);
            let sum = sum.wrapping_add(k).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (kept, new) in state.iter_mut().zip([a, b, c, d, e]) {
            *kept = kept.wrapping_add(new);
        }
    }
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn words32(block: &[u8]) -> Vec<u32> {
    let words = block.chunks_exact(4);
    words
        .map(|o| u32::from_be_bytes([o[0], o[1], o[2], o[3]]))
        .collect()
}

/// The first so many prime numbers.
fn primes(count: usize) -> Vec<u64> {
    let is_prime = |n: &u64| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0);
    (2..).filter(is_prime).take(count).collect()
}

/// The first 64 bits behind the point of the square or cube root of `n`, by halving.
fn root_fraction(n: u64, cube: bool) -> u64 {
    // The greatest whole r with r^k <= n * 2^(64 k), whose low 64 bits are the fraction.
    let wide = |r: u128| -> bool {
        let power = |factors: &[u128]| factors.iter().fold(vec![1_u32], |p, f| times(&p, *f));
        let left = if cube {
            power(&[r, r, r])
        } else {
            power(&[r, r])
        };
        let mut right = vec![0_u32; if cube { 6 } else { 4 }];
        right.push(n as u32);
        not_above(&left, &right)
    };
    let (mut low, mut high) = (0_u128, 1_u128 << 70);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if wide(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low as u64
}

/// A number of 32-bit digits, the lowest first, times another.
fn times(number: &[u32], factor: u128) -> Vec<u32> {
    let digits = [0, 32, 64, 96].map(|shift| (factor >> shift) as u32);
    let mut product = vec![0_u32; number.len() + 4];
    for (i, a) in number.iter().enumerate() {
        let mut carry = 0_u64;
        for (j, b) in digits.iter().enumerate() {
            let sum = u64::from(*a) * u64::from(*b) + u64::from(product[i + j]) + carry;
            product[i + j] = sum as u32;
            carry = sum >> 32;
        }
        if carry > 0 {
            product[i + 4] = carry as u32;
        }
    }
    product
}

fn not_above(a: &[u32], b: &[u32]) -> bool {
    let digit = |number: &[u32], at: usize| number.get(at).copied().unwrap_or(0);
    let places = (0..a.len().max(b.len())).rev();
    let mut both = places.map(|at| (digit(a, at), digit(b, at)));
    both.find(|(a, b)| a != b).is_none_or(|(a, b)| a < b)
}

/// The constants of SHA-2: of the first primes, cube roots a round and square roots to begin with.
struct Constants {
    rounds: Vec<u64>,
    start: Vec<u64>,
}

fn constants() -> &'static Constants {
    static CONSTANTS: std::sync::OnceLock<Constants> = std::sync::OnceLock::new();
    CONSTANTS.get_or_init(|| {
        let primes = primes(80);
        Constants {
            rounds: primes.iter().map(|p| root_fraction(*p, true)).collect(),
            start: primes[..8]
                .iter()
                .map(|p| root_fraction(*p, false))
                .collect(),
        }
    })
}

macro_rules! sha2 {
    ($name:ident, $word:ty, $rounds:literal, $block:literal, $length:ty, $shift:literal,
     $big0:expr, $big1:expr, $small0:expr, $small1:expr) => {
        fn $name(message: &[u8]) -> Vec<u8> {
            let constants = constants();
            let word = |value: &u64| (*value >> $shift) as $word;
            let mut state: Vec<$word> = constants.start.iter().map(word).collect();
            let turns = |x: $word, [a, b, c]: [u32; 3]| {
                x.rotate_right(a) ^ x.rotate_right(b) ^ x.rotate_right(c)
            };
            let moves =
                |x: $word, [a, b, c]: [u32; 3]| x.rotate_right(a) ^ x.rotate_right(b) ^ x >> c;
            let length = <$length>::from(bits(message)).to_be_bytes();
            for block in padded(message, $block, &length).chunks_exact($block) {
                let mut w: Vec<$word> = block
                    .chunks_exact(size_of::<$word>())
                    .map(|octets| octets.iter().fold(0, |w, o| w << 8 | <$word>::from(*o)))
                    .collect();
                for i in 16..$rounds {
                    let (a, b) = (moves(w[i - 2], $small1), moves(w[i - 15], $small0));
                    w.push(
                        a.wrapping_add(w[i - 7])
                            .wrapping_add(b)
                            .wrapping_add(w[i - 16]),
                    );
                }
                let mut s = state.clone();
                for (w, k) in w.iter().zip(&constants.rounds) {
                    let choice = s[4] & s[5] ^ !s[4] & s[6];
                    let most = s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2];
                    let one = s[7].wrapping_add(turns(s[4], $big1)).wrapping_add(choice);
                    let one = one.wrapping_add(word(k)).wrapping_add(*w);
                    let two = turns(s[0], $big0).wrapping_add(most);
                    s.rotate_right(1);
                    s[4] = s[4].wrapping_add(one);
                    s[0] = one.wrapping_add(two);
                }
                for (kept, new) in state.iter_mut().zip(s) {
                    *kept = kept.wrapping_add(new);
                }
            }
            state.iter().flat_map(|word| word.to_be_bytes()).collect()
        }
    };
}

sha2!(
    sha256,
    u32,
    64,
    64,
    u64,
    32,
    [2, 13, 22],
    [6, 11, 25],
    [7, 18, 3],
    [17, 19, 10]
);
sha2!(
    sha512,
    u64,
    80,
    128,
    u128,
    0,
    [28, 34, 39],
    [14, 18, 41],
    [1, 8, 7],
    [19, 61, 6]
);
