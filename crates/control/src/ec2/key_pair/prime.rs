//! Primes of 1024 bits, and powers modulo them (P. L. Montgomery, "Modular multiplication without
//! trial division", 1985).

/// Words of a prime, the lowest first.
pub(super) const WORDS: usize = 16;

pub(super) type Number = [u64; WORDS];

/// The public exponent.
pub(super) const EXPONENT: u64 = 65537;

/// An odd modulus with its highest bit set.
pub(super) struct Modulus {
    value: Number,
    /// -1/value modulo 2^64.
    inverse: u64,
    /// 2^1024 modulo the value: one, as Montgomery writes it.
    one: Number,
}

impl Modulus {
    pub(super) fn new(value: Number) -> Self {
        let mut inverse = 1_u64;
        for _ in 0..6 {
            let error = 2_u64.wrapping_sub(value[0].wrapping_mul(inverse));
            inverse = inverse.wrapping_mul(error);
        }
        let mut zero = [0; WORDS];
        subtract(&mut zero, &value);
        Self {
            value,
            inverse: inverse.wrapping_neg(),
            one: zero,
        }
    }

    /// a b / 2^1024.
    fn times(&self, a: &Number, b: &Number) -> Number {
        let mut sum = [0_u64; WORDS + 2];
        for digit in b {
            let mut carry = 0;
            for at in 0..WORDS {
                (sum[at], carry) = multiply_add(a[at], *digit, sum[at], carry);
            }
            let (high, over) = sum[WORDS].overflowing_add(carry);
            (sum[WORDS], sum[WORDS + 1]) = (high, u64::from(over));
            let factor = sum[0].wrapping_mul(self.inverse);
            let (_, mut carry) = multiply_add(factor, self.value[0], sum[0], 0);
            for at in 1..WORDS {
                (sum[at - 1], carry) = multiply_add(factor, self.value[at], sum[at], carry);
            }
            let (high, over) = sum[WORDS].overflowing_add(carry);
            sum[WORDS - 1] = high;
            sum[WORDS] = sum[WORDS + 1] + u64::from(over);
        }
        let mut result = [0; WORDS];
        result.copy_from_slice(&sum[..WORDS]);
        if sum[WORDS] != 0 || !is_less(&result, &self.value) {
            subtract(&mut result, &self.value);
        }
        result
    }

    fn twice(&self, a: &Number) -> Number {
        let mut result = *a;
        let over = a[WORDS - 1] >> 63;
        for at in (0..WORDS).rev() {
            let below = if at == 0 { 0 } else { a[at - 1] >> 63 };
            result[at] = a[at] << 1 | below;
        }
        if over != 0 || !is_less(&result, &self.value) {
            subtract(&mut result, &self.value);
        }
        result
    }

    /// `base` to the power of `exponent`.
    pub(super) fn power(&self, base: &Number, exponent: &Number) -> Number {
        let mut square_of_one = self.one;
        for _ in 0..64 * WORDS {
            square_of_one = self.twice(&square_of_one);
        }
        let base = self.times(base, &square_of_one);
        let power = self.raised(exponent, |it| self.times(it, &base));
        let mut plain = [0; WORDS];
        plain[0] = 1;
        self.times(&power, &plain)
    }

    /// One, squared for each bit of the exponent, and multiplied for those that are set.
    fn raised(&self, exponent: &Number, multiply: impl Fn(&Number) -> Number) -> Number {
        let mut power = self.one;
        for bit in (0..64 * WORDS).rev() {
            power = self.times(&power, &power);
            if exponent[bit / 64] >> (bit % 64) & 1 == 1 {
                power = multiply(&power);
            }
        }
        power
    }

    /// Whether the value, which is 3 modulo 4, passes Miller's and Rabin's test to bases 2 and 3.
    /// Of random numbers this long, one that does so without being prime is not met.
    fn is_prime(&self) -> bool {
        let mut half = self.value;
        for at in 0..WORDS {
            let above = self.value.get(at + 1).map_or(0, |it| it << 63);
            half[at] = self.value[at] >> 1 | above;
        }
        let mut minus_one = self.value;
        subtract(&mut minus_one, &self.one);
        let fits = |power: Number| power == self.one || power == minus_one;
        let by_two = |it: &Number| self.twice(it);
        let three = {
            let two = self.twice(&self.one);
            self.plus(&two, &self.one)
        };
        fits(self.raised(&half, by_two)) && fits(self.raised(&half, |it| self.times(it, &three)))
    }

    fn plus(&self, a: &Number, b: &Number) -> Number {
        let mut result = *a;
        let mut carry = false;
        for (it, other) in result.iter_mut().zip(b) {
            let (sum, first) = it.overflowing_add(*other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*it, carry) = (sum, first || second);
        }
        if carry || !is_less(&result, &self.value) {
            subtract(&mut result, &self.value);
        }
        result
    }
}

/// a b + c + d, low and high word.
fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let wide = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    #[expect(clippy::cast_possible_truncation, reason = "the low word is meant")]
    let low = wide as u64;
    (low, (wide >> 64) as u64)
}

pub(super) fn is_less(a: &Number, b: &Number) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// a - b, modulo 2^1024.
fn subtract(a: &mut Number, b: &Number) {
    let mut borrow = false;
    for (it, other) in a.iter_mut().zip(b) {
        let (rest, first) = it.overflowing_sub(*other);
        let (rest, second) = rest.overflowing_sub(u64::from(borrow));
        (*it, borrow) = (rest, first || second);
    }
}

/// The remainder of a number by a small one.
pub(super) fn remainder(words: &[u64], by: u64) -> u64 {
    let wide = words.iter().rev().fold(0_u128, |rest, word| {
        (rest << 64 | u128::from(*word)) % u128::from(by)
    });
    u64::try_from(wide).expect("it is less than `by`")
}

/// The first prime from a number on that `bits` gives, word by word. It is 3 modulo 4, and the
/// exponent does not divide it less one. Its two highest bits are set, so that a product of two has
/// all its bits.
pub(super) fn from(bits: impl Fn(usize) -> u64) -> Number {
    let mut start: Number = std::array::from_fn(bits);
    start[0] |= 3;
    start[WORDS - 1] |= 3 << 62;
    let small = small_primes();
    let rests: Vec<_> = small
        .iter()
        .map(|prime| remainder(&start, *prime))
        .collect();
    let rest_of_exponent = remainder(&start, EXPONENT);
    let mut found = (0..).map(|step: u64| 4 * step).filter(|step| {
        let mut all = small.iter().zip(&rests);
        all.all(|(prime, rest)| (rest + step) % prime != 0)
            && (rest_of_exponent + step) % EXPONENT != 1
    });
    loop {
        let step = found.next().expect("there is always another prime");
        let mut candidate = start;
        let mut carry = step;
        for word in &mut candidate {
            let (sum, over) = word.overflowing_add(carry);
            (*word, carry) = (sum, u64::from(over));
        }
        if Modulus::new(candidate).is_prime() {
            return candidate;
        }
    }
}

/// The odd primes below 2^13.
fn small_primes() -> Vec<u64> {
    let mut primes: Vec<u64> = Vec::new();
    for candidate in (3..8192).step_by(2) {
        let mut below = primes.iter().take_while(|it| **it * **it <= candidate);
        if below.all(|it| candidate % it != 0) {
            primes.push(candidate);
        }
    }
    primes
}
