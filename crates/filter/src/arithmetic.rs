//! Comparisons of constants, worked out to show what they come to; comparisons of parts of the
//! packet with numbers, as far as the bits that the part can have settle them.

use crate::lex::{Kind, Token};

/// Flag bits, offsets, and ICMP types, as libpcap's scanner has them.
const NAMED: [(&str, u32); 21] = [
    ("icmptype", 0),
    ("icmpcode", 1),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
    ("icmp-tstamp", 13),
    ("tcp-fin", 0x01),
    ("tcp-syn", 0x02),
    ("tcp-rst", 0x04),
    ("tcp-push", 0x08),
    ("tcp-ack", 0x10),
    ("tcp-urg", 0x20),
    ("tcp-ece", 0x40),
    ("tcp-cwr", 0x80),
    ("tcpflags", 13),
];
const COMPARISONS: [&str; 7] = ["=", "==", "!=", "<", ">", "<=", ">="];
/// Binary operators by rank, the loosest first (libpcap's grammar.y).
const RANKS: [&[&str]; 5] = [
    &["|", "^"],
    &["&"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// The bits that a value can have, and those that it has for sure.
#[derive(Clone, Copy, Debug)]
struct Bits {
    can: u32,
    has: u32,
    /// Whether `can` bounds it because it is read from the packet.
    is_read: bool,
}

impl Bits {
    const fn constant(value: u32) -> Self {
        Self {
            can: value,
            has: value,
            is_read: false,
        }
    }

    const fn read(can: u32) -> Self {
        Self {
            can,
            has: 0,
            is_read: true,
        }
    }

    fn value(self) -> Option<u32> {
        (self.can == self.has).then_some(self.can)
    }
}

/// `0x12 != 0` for `(tcp-syn|tcp-ack)!=0`; `None` if a side is no constant.
pub(crate) fn comparison(tokens: &[Token<'_>]) -> Option<String> {
    let (left, operator, right) = sides(tokens)?;
    let (left, right) = (left.value()?, right.value()?);
    Some(format!("{} {operator} {}", shown(left), shown(right)))
}

/// What a comparison with a part of the packet always is, and what that part can be.
pub(crate) fn settled(tokens: &[Token<'_>]) -> Option<(bool, String)> {
    let (left, operator, right) = sides(tokens)?;
    let read = [left, right].into_iter().find(|side| side.is_read)?;
    let (never, always) = (Some(false), Some(true));
    let is_less = |left: Bits, right: Bits| {
        if left.can < right.has {
            always
        } else if left.has >= right.can {
            never
        } else {
            None
        }
    };
    let differ = left.has & !right.can | right.has & !left.can != 0;
    let value = match operator {
        "=" | "==" => differ.then_some(false),
        "!=" => differ.then_some(true),
        "<" => is_less(left, right),
        ">" => is_less(right, left),
        "<=" => is_less(right, left).map(|less| !less),
        _ => is_less(left, right).map(|less| !less),
    }?;
    let is_range = read.can & read.can.wrapping_add(1) == 0;
    let range = if is_range {
        format!("from 0 to {}", read.can)
    } else {
        format!("made of the bits {:#x}", read.can)
    };
    Some((value, range))
}

fn sides<'t>(tokens: &'t [Token<'t>]) -> Option<(Bits, &'t str, Bits)> {
    let at = tokens
        .iter()
        .position(|token| COMPARISONS.iter().any(|text| token.is(text)))?;
    let (left, right) = (value(&tokens[..at])?, value(&tokens[at + 1..])?);
    Some((left, tokens[at].text, right))
}

fn shown(value: u32) -> String {
    if value < 10 {
        value.to_string()
    } else {
        format!("{value:#x}")
    }
}

fn value(tokens: &[Token<'_>]) -> Option<Bits> {
    let mut reader = Reader { tokens, at: 0 };
    let value = reader.binary(0)?;
    (reader.at == tokens.len()).then_some(value)
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

impl Reader<'_> {
    fn binary(&mut self, rank: usize) -> Option<Bits> {
        let Some(operators) = RANKS.get(rank) else {
            return self.operand();
        };
        let mut left = self.binary(rank + 1)?;
        while let Some(token) = self.tokens.get(self.at) {
            let Some(operator) = operators.iter().find(|text| token.is(text)) else {
                break;
            };
            self.at += 1;
            left = combine(operator, left, self.binary(rank + 1)?)?;
        }
        Some(left)
    }

    fn operand(&mut self) -> Option<Bits> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        if token.is("(") {
            let inner = self.binary(0)?;
            let closing = self.tokens.get(self.at)?;
            self.at += 1;
            return closing.is(")").then_some(inner);
        }
        if self.tokens.get(self.at).is_some_and(|next| next.is("[")) {
            return self.accessor();
        }
        match token.kind {
            Kind::Number => number(token.text).map(Bits::constant),
            Kind::Word => {
                let named = NAMED.iter().find(|(name, _)| token.text == *name);
                named.map(|(_, value)| Bits::constant(*value))
            }
            _ => None,
        }
    }

    /// `[offset]` or `[offset:size]` behind a protocol's name.
    fn accessor(&mut self) -> Option<Bits> {
        let mut depth = 0_usize;
        let mut size = 1;
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            match token.text {
                "[" => depth += 1,
                "]" => depth -= 1,
                ":" if depth == 1 => size = number(self.tokens.get(self.at)?.text)?,
                _ => {}
            }
            if depth == 0 {
                return Some(Bits::read(match size {
                    1 => 0xff,
                    2 => 0xffff,
                    _ => u32::MAX,
                }));
            }
        }
        None
    }
}

fn combine(operator: &str, left: Bits, right: Bits) -> Option<Bits> {
    if let (Some(left), Some(right)) = (left.value(), right.value())
        && let Some(value) = apply(operator, left, right)
    {
        return Some(Bits::constant(value));
    }
    let shift = right.value().filter(|shift| *shift < 32);
    let (can, has) = match (operator, shift) {
        ("&", _) => (left.can & right.can, left.has & right.has),
        ("|", _) => (left.can | right.can, left.has | right.has),
        ("^", _) => (left.can | right.can, 0),
        ("<<", Some(shift)) => (left.can << shift, left.has << shift),
        (">>", Some(shift)) => (left.can >> shift, left.has >> shift),
        _ => (u32::MAX, 0),
    };
    let is_read = left.is_read || right.is_read;
    Some(Bits { can, has, is_read })
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

fn apply(operator: &str, left: u32, right: u32) -> Option<u32> {
    match operator {
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        "&" => Some(left & right),
        "<<" => Some(left.checked_shl(right).unwrap_or(0)),
        ">>" => Some(left.checked_shr(right).unwrap_or(0)),
        "+" => Some(left.wrapping_add(right)),
        "-" => Some(left.wrapping_sub(right)),
        "*" => Some(left.wrapping_mul(right)),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        _ => None,
    }
}
