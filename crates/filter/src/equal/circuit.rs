//! Boolean circuits: AND gates and inverters, each gate built once, constants folded at once.
//!
//! A packet of a shape has many known octets; folding them away leaves a few hundred gates of a
//! program of a hundred instructions. A [`Bit`] is a gate's number doubled, plus one if inverted,
//! so that inversion costs nothing (an and-inverter graph).

/// A value of one bit: an input, a gate, or the inverse of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bit(u32);

impl Bit {
    pub(super) const FALSE: Self = Self(0);
    pub(super) const TRUE: Self = Self(1);

    /// The constant.
    pub(super) const fn of(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }

    pub(super) const fn not(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// The constant that it is.
    pub(super) const fn known(self) -> Option<bool> {
        match self {
            Self::FALSE => Some(false),
            Self::TRUE => Some(true),
            _ => None,
        }
    }

    pub(super) const fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    pub(super) const fn is_inverted(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A number of 32 bits, the lowest first.
pub(super) type Word = [Bit; 32];

/// A number that is known.
pub(super) fn word(value: u32) -> Word {
    std::array::from_fn(|at| Bit::of(value >> at & 1 == 1))
}

/// A number of fewer bits.
pub(super) fn widened(bits: impl IntoIterator<Item = Bit>) -> Word {
    let mut bits = bits.into_iter();
    std::array::from_fn(|_| bits.next().unwrap_or(Bit::FALSE))
}

/// The number that it is, if all of it is known.
pub(super) fn known(word: &Word) -> Option<u32> {
    let mut value = 0;
    for (at, bit) in word.iter().enumerate() {
        value |= u32::from(bit.known()?) << at;
    }
    Some(value)
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The constant, false: node 0 alone.
    Constant,
    Input,
    And(Bit, Bit),
}

/// All gates and inputs.
#[derive(Debug)]
pub(super) struct Circuit {
    nodes: Vec<Node>,
    /// Gates by a hash of what they join; 0 is free. Twice as large as what it holds.
    table: Vec<u32>,
    held: usize,
}

impl Circuit {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::Constant],
            table: vec![0; 1 << 12],
            held: 0,
        }
    }

    /// How many gates and inputs there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, at: usize) -> Node {
        self.nodes[at]
    }

    pub(super) fn input(&mut self) -> Bit {
        self.push(Node::Input)
    }

    fn push(&mut self, node: Node) -> Bit {
        self.nodes.push(node);
        Bit((self.nodes.len() as u32 - 1) << 1)
    }

    pub(super) fn and(&mut self, a: Bit, b: Bit) -> Bit {
        let (a, b) = (a.min(b), a.max(b));
        if a == Bit::FALSE || a == b.not() {
            return Bit::FALSE;
        }
        if a == Bit::TRUE || a == b {
            return b;
        }
        if (self.held + 1) * 2 > self.table.len() {
            self.grow();
        }
        let mut slot = self.slot(a, b);
        loop {
            let there = self.table[slot] as usize;
            if there == 0 {
                break;
            }
            if self.nodes[there] == Node::And(a, b) {
                return Bit((there as u32) << 1);
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
        let made = self.push(Node::And(a, b));
        self.table[slot] = made.node() as u32;
        self.held += 1;
        made
    }

    fn slot(&self, a: Bit, b: Bit) -> usize {
        let mixed = (u64::from(a.0) << 32 | u64::from(b.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.table.len() - 1)
    }

    fn grow(&mut self) {
        self.table = vec![0; self.table.len() * 4];
        for at in 0..self.nodes.len() {
            let Node::And(a, b) = self.nodes[at] else {
                continue;
            };
            let mut slot = self.slot(a, b);
            while self.table[slot] != 0 {
                slot = (slot + 1) & (self.table.len() - 1);
            }
            self.table[slot] = at as u32;
        }
    }

    pub(super) fn or(&mut self, a: Bit, b: Bit) -> Bit {
        self.and(a.not(), b.not()).not()
    }

    pub(super) fn xor(&mut self, a: Bit, b: Bit) -> Bit {
        match (a.known(), b.known()) {
            (Some(false), _) => return b,
            (Some(true), _) => return b.not(),
            (_, Some(false)) => return a,
            (_, Some(true)) => return a.not(),
            _ => {}
        }
        let (left, right) = (self.and(a, b.not()), self.and(a.not(), b));
        self.or(left, right)
    }

    /// `a` where `choice`, else `b`.
    pub(super) fn choose(&mut self, choice: Bit, a: Bit, b: Bit) -> Bit {
        if a == b {
            return a;
        }
        let (left, right) = (self.and(choice, a), self.and(choice.not(), b));
        self.or(left, right)
    }

    /// Whether `b` holds wherever `a` does.
    pub(super) fn implies(&mut self, a: Bit, b: Bit) -> Bit {
        self.and(a, b.not()).not()
    }

    pub(super) fn all(&mut self, bits: impl IntoIterator<Item = Bit>) -> Bit {
        let mut all = Bit::TRUE;
        for bit in bits {
            all = self.and(all, bit);
        }
        all
    }

    pub(super) fn any(&mut self, bits: impl IntoIterator<Item = Bit>) -> Bit {
        self.all(bits.into_iter().map(Bit::not)).not()
    }

    pub(super) fn choose_word(&mut self, choice: Bit, a: &Word, b: &Word) -> Word {
        std::array::from_fn(|at| self.choose(choice, a[at], b[at]))
    }

    pub(super) fn equal(&mut self, a: &Word, b: &Word) -> Bit {
        let mut all = Bit::TRUE;
        for at in 0..32 {
            let differ = self.xor(a[at], b[at]);
            all = self.and(all, differ.not());
        }
        all
    }

    /// Whether `a < b`, both without sign.
    pub(super) fn less(&mut self, a: &Word, b: &Word) -> Bit {
        let mut less = Bit::FALSE;
        for at in 0..32 {
            let differ = self.xor(a[at], b[at]);
            less = self.choose(differ, b[at], less);
        }
        less
    }

    pub(super) fn add(&mut self, a: &Word, b: &Word) -> Word {
        self.add_with_carry(a, b, Bit::FALSE).0
    }

    /// The sum, and the carry out of it.
    pub(super) fn add_with_carry(&mut self, a: &Word, b: &Word, carry: Bit) -> (Word, Bit) {
        let mut carry = carry;
        let sum = std::array::from_fn(|at| {
            let half = self.xor(a[at], b[at]);
            let sum = self.xor(half, carry);
            carry = self.choose(half, carry, a[at]);
            sum
        });
        (sum, carry)
    }

    pub(super) fn subtract(&mut self, a: &Word, b: &Word) -> Word {
        self.add_with_carry(a, &b.map(Bit::not), Bit::TRUE).0
    }

    pub(super) fn multiply(&mut self, a: &Word, b: &Word) -> Word {
        let mut product = word(0);
        for (at, bit) in b.iter().enumerate() {
            if *bit != Bit::FALSE {
                let shifted = shifted_left(a, at).map(|it| self.and(it, *bit));
                product = self.add(&product, &shifted);
            }
        }
        product
    }

    /// Quotient and remainder by long division; of a division by zero nothing useful.
    pub(super) fn divide(&mut self, a: &Word, b: &Word) -> (Word, Word) {
        if let Some(divisor) = known(b)
            && divisor.is_power_of_two()
        {
            let shift = divisor.trailing_zeros() as usize;
            let rest = std::array::from_fn(|at| if at < shift { a[at] } else { Bit::FALSE });
            return (shifted_right(a, shift), rest);
        }
        let (mut quotient, mut rest) = (word(0), word(0));
        for at in (0..32).rev() {
            let lost = rest[31];
            rest = shifted_left(&rest, 1);
            rest[0] = a[at];
            let fits = self.less(&rest, b).not();
            let fits = self.or(fits, lost);
            let less = self.subtract(&rest, b);
            rest = self.choose_word(fits, &less, &rest);
            quotient[at] = fits;
        }
        (quotient, rest)
    }

    /// A shift by a number of places that need not be known; 32 and more leave nothing.
    pub(super) fn shift(&mut self, a: &Word, by: &Word, left: bool) -> Word {
        let mut shifted = *a;
        for (at, bit) in by.iter().enumerate() {
            let further = match (at < 5, left) {
                (false, _) => word(0),
                (true, true) => shifted_left(&shifted, 1 << at),
                (true, false) => shifted_right(&shifted, 1 << at),
            };
            shifted = self.choose_word(*bit, &further, &shifted);
        }
        shifted
    }
}

fn shifted_left(a: &Word, by: usize) -> Word {
    std::array::from_fn(|at| if at < by { Bit::FALSE } else { a[at - by] })
}

fn shifted_right(a: &Word, by: usize) -> Word {
    std::array::from_fn(|at| a.get(at + by).copied().unwrap_or(Bit::FALSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a circuit's node for values of its inputs, in their order.
    fn value(circuit: &Circuit, bit: Bit, inputs: &[bool]) -> bool {
        let mut next = inputs.iter();
        let mut values = Vec::new();
        for at in 0..circuit.len() {
            let of = |bit: Bit, values: &[bool]| values[bit.node()] ^ bit.is_inverted();
            values.push(match circuit.node(at) {
                Node::Constant => false,
                Node::Input => *next.next().expect("a value for each input"),
                Node::And(a, b) => of(a, &values) && of(b, &values),
            });
        }
        values[bit.node()] ^ bit.is_inverted()
    }

    #[test]
    fn arithmetic_is_that_of_words() {
        let mut circuit = Circuit::new();
        let a: Word = std::array::from_fn(|_| circuit.input());
        let b: Word = std::array::from_fn(|_| circuit.input());
        let (quotient, rest) = circuit.divide(&a, &b);
        let made = [
            circuit.add(&a, &b),
            circuit.subtract(&a, &b),
            circuit.multiply(&a, &b),
            quotient,
            rest,
            circuit.shift(&a, &b, true),
            circuit.shift(&a, &b, false),
        ];
        let less = circuit.less(&a, &b);
        let equal = circuit.equal(&a, &b);
        for (x, y) in [
            (5, 3),
            (0xffff_ffff, 7),
            (9, 0x8000_0001),
            (77, 77),
            (1 << 31, 33),
        ] {
            let bits = |it: u32| (0..32).map(move |at| it >> at & 1 == 1);
            let inputs: Vec<bool> = bits(x).chain(bits(y)).collect();
            let wanted = [
                x.wrapping_add(y),
                x.wrapping_sub(y),
                x.wrapping_mul(y),
                x / y,
                x % y,
                x.checked_shl(y).unwrap_or(0),
                x.checked_shr(y).unwrap_or(0),
            ];
            for (made, wanted) in made.iter().zip(wanted) {
                for (at, bit) in made.iter().enumerate() {
                    assert_eq!(value(&circuit, *bit, &inputs), wanted >> at & 1 == 1);
                }
            }
            assert_eq!(value(&circuit, less, &inputs), x < y);
            assert_eq!(value(&circuit, equal, &inputs), x == y);
        }
    }

    #[test]
    fn a_gate_is_built_once_and_constants_are_folded() {
        let mut circuit = Circuit::new();
        let (a, b) = (circuit.input(), circuit.input());
        let first = circuit.and(a, b);
        assert_eq!(circuit.and(b, a), first);
        assert_eq!(circuit.and(a, a.not()), Bit::FALSE);
        assert_eq!(circuit.xor(a, Bit::TRUE), a.not());
        let sum = circuit.add(&word(40), &word(2));
        assert_eq!(known(&sum), Some(42));
    }
}
