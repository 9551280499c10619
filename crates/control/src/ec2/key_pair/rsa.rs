//! RSA keys of 2048 bits (RFC 8017).

use super::encode::{der, integer, number, read_ssh_string, ssh_string};
use super::prime::{self, EXPONENT, Modulus, Number, WORDS};

/// A private key; numbers have their lowest words first.
pub(super) struct PrivateKey {
    modulus: Vec<u64>,
    /// The greater prime, the other, and what they are made of.
    primes: [Number; 2],
    exponent: Vec<u64>,
    /// The exponent modulo each prime less one.
    exponents: [Vec<u64>; 2],
    /// The second prime's inverse modulo the first.
    coefficient: Number,
}

impl PrivateKey {
    /// The key that follows from `bits`, which gives 64 of them for each number.
    pub(super) fn generate(bits: impl Fn(usize) -> u64) -> Self {
        let p = prime::from(|word| bits(word));
        let q = prime::from(|word| bits(WORDS + word));
        let (p, q) = if prime::is_less(&p, &q) {
            (q, p)
        } else {
            (p, q)
        };
        let (p_less, q_less) = (less(&p, 1), less(&q, 1));
        let p_less_two = less(&p, 2);
        let coefficient = Modulus::new(p).power(&q, &p_less_two);
        Self {
            modulus: product(&p, &q),
            exponent: inverse_of_exponent(&product(&p_less, &q_less)),
            exponents: [inverse_of_exponent(&p_less), inverse_of_exponent(&q_less)],
            primes: [p, q],
            coefficient,
        }
    }

    /// RFC 8017, section A.1.2.
    pub(super) fn pkcs1(&self) -> Vec<u8> {
        let numbers = [
            &[0][..],
            &self.modulus,
            &[EXPONENT],
            &self.exponent,
            &self.primes[0],
            &self.primes[1],
            &self.exponents[0],
            &self.exponents[1],
            &self.coefficient,
        ];
        let all = numbers.map(|words| integer(&octets(words)));
        der(0x30, &all.concat())
    }

    /// RFC 5958, section 2.
    pub(super) fn pkcs8(&self) -> Vec<u8> {
        let key = der(0x04, &self.pkcs1());
        der(0x30, &[integer(&[0]), algorithm(), key].concat())
    }

    /// RFC 4253, section 6.6.
    pub(super) fn public_blob(&self) -> Vec<u8> {
        let parts = [octets(&[EXPONENT]), octets(&self.modulus)];
        let parts = parts.map(|it| ssh_string(&number(&it)));
        [ssh_string(b"ssh-rsa"), parts.concat()].concat()
    }
}

/// The identifier of `rsaEncryption`, 1.2.840.113549.1.1.1, without parameters.
fn algorithm() -> Vec<u8> {
    let identifier = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    der(0x30, &[der(0x06, &identifier), der(0x05, &[])].concat())
}

/// The public key of an OpenSSH blob as `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
pub(super) fn public_key_info(blob: &[u8]) -> Option<Vec<u8>> {
    let (_, rest) = read_ssh_string(blob)?;
    let (exponent, rest) = read_ssh_string(rest)?;
    let (modulus, _) = read_ssh_string(rest)?;
    let key = der(0x30, &[integer(modulus), integer(exponent)].concat());
    let bits = [vec![0], key].concat();
    Some(der(0x30, &[algorithm(), der(0x03, &bits)].concat()))
}

/// Highest octet first.
fn octets(words: &[u64]) -> Vec<u8> {
    words.iter().rev().flat_map(|it| it.to_be_bytes()).collect()
}

/// The number less a few; it is odd and long, so that nothing is borrowed but within a word of it.
fn less(number: &Number, by: u64) -> Number {
    let mut result = *number;
    let mut borrow = by;
    for word in &mut result {
        let (rest, under) = word.overflowing_sub(borrow);
        (*word, borrow) = (rest, u64::from(under));
    }
    result
}

fn product(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut result = vec![0_u64; a.len() + b.len()];
    for (i, x) in a.iter().enumerate() {
        let mut carry = 0_u128;
        for (j, y) in b.iter().enumerate() {
            let wide = u128::from(*x) * u128::from(*y) + u128::from(result[i + j]) + carry;
            result[i + j] = low(wide);
            carry = wide >> 64;
        }
        result[i + b.len()] = low(carry);
    }
    result
}

fn low(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).expect("64 bits")
}

/// What the public exponent, a prime, times it is 1 modulo `modulus`: (k modulus + 1) / exponent,
/// with the k that makes it whole.
fn inverse_of_exponent(modulus: &[u64]) -> Vec<u64> {
    let rest = prime::remainder(modulus, EXPONENT);
    // Fermat: rest^(e-2) is its inverse.
    let mut inverse = 1;
    for _ in 0..EXPONENT - 2 {
        inverse = inverse * rest % EXPONENT;
    }
    let factor = EXPONENT - inverse;
    let mut result = product(modulus, &[factor]);
    let mut carry = 1;
    for word in &mut result {
        let (sum, over) = word.overflowing_add(carry);
        (*word, carry) = (sum, u64::from(over));
    }
    let mut rest = 0_u128;
    for word in result.iter_mut().rev() {
        let wide = rest << 64 | u128::from(*word);
        *word = low(wide / u128::from(EXPONENT));
        rest = wide % u128::from(EXPONENT);
    }
    debug_assert_eq!(rest, 0, "k makes it whole");
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_public_exponent_does_the_private_one_undoes() {
        let bits = |number: usize| (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = PrivateKey::generate(bits);
        let [p, _] = &key.primes;
        let modulus = Modulus::new(*p);
        let mut message = [7_u64; WORDS];
        message[WORDS - 1] = 1;
        let mut public: Number = [0; WORDS];
        public[0] = EXPONENT;
        let sealed = modulus.power(&message, &public);
        let mut private: Number = [0; WORDS];
        private.copy_from_slice(&key.exponents[0][..WORDS]);
        assert_eq!(modulus.power(&sealed, &private), message);
        // Of 2048 bits, and with every number of the structure.
        assert_eq!(key.modulus.last().map(|it| it >> 63), Some(1));
        assert!(
            (1180..1200).contains(&key.pkcs1().len()),
            "{}",
            key.pkcs1().len()
        );
    }
}
