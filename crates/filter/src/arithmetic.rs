//! Comparisons of constants, worked out to show what they come to.

use crate::lex::{Kind, Token};

/// Flag bits, as libpcap's scanner has them.
const NAMED: [(&str, u32); 9] = [
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

/// `0x12 != 0` for `(tcp-syn|tcp-ack)!=0`; `None` if a side is no constant.
pub(crate) fn comparison(tokens: &[Token<'_>]) -> Option<String> {
    let at = tokens
        .iter()
        .position(|token| COMPARISONS.iter().any(|text| token.is(text)))?;
    let (left, right) = (value(&tokens[..at])?, value(&tokens[at + 1..])?);
    let operator = tokens[at].text;
    Some(format!("{} {operator} {}", shown(left), shown(right)))
}

fn shown(value: u32) -> String {
    if value < 10 {
        value.to_string()
    } else {
        format!("{value:#x}")
    }
}

fn value(tokens: &[Token<'_>]) -> Option<u32> {
    let mut reader = Reader { tokens, at: 0 };
    let value = reader.binary(0)?;
    (reader.at == tokens.len()).then_some(value)
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

impl Reader<'_> {
    fn binary(&mut self, rank: usize) -> Option<u32> {
        let Some(operators) = RANKS.get(rank) else {
            return self.operand();
        };
        let mut left = self.binary(rank + 1)?;
        while let Some(token) = self.tokens.get(self.at) {
            let Some(operator) = operators.iter().find(|text| token.is(text)) else {
                break;
            };
            self.at += 1;
            left = apply(operator, left, self.binary(rank + 1)?)?;
        }
        Some(left)
    }

    fn operand(&mut self) -> Option<u32> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        if token.is("(") {
            let inner = self.binary(0)?;
            let closing = self.tokens.get(self.at)?;
            self.at += 1;
            return closing.is(")").then_some(inner);
        }
        match token.kind {
            Kind::Number => number(token.text),
            Kind::Word => {
                let named = NAMED.iter().find(|(name, _)| token.text == *name);
                named.map(|(_, value)| *value)
            }
            _ => None,
        }
    }
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
