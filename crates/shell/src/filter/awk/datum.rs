//! Values of awk: what is a number, and what only looks like one.

use crate::builtin::Conversion;

/// A value: a number, a text, or a text that came in and may look like a number.
#[derive(Clone, Debug)]
pub(super) enum Datum {
    Number(f64),
    Text(String),
    Typed(String),
    Nothing,
}

/// The number that a text begins with.
fn leading(text: &str) -> f64 {
    let text = text.trim_start();
    let mut end = 0;
    let (mut dot, mut digit, mut power) = (false, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '0'..='9' => digit = true,
            '+' | '-' if at == 0 || text[..at].ends_with(['e', 'E']) => {}
            '.' if !dot && !power => dot = true,
            'e' | 'E' if digit && !power => power = true,
            _ => break,
        }
        end = at + 1;
    }
    let mut text = &text[..end];
    while !text.is_empty() {
        if let Ok(number) = text.parse() {
            return number;
        }
        text = &text[..text.len() - 1];
    }
    0.0
}

fn looks_numeric(text: &str) -> bool {
    let text = text.trim();
    let plain = text
        .chars()
        .all(|it| it.is_ascii_digit() || "+-.eE".contains(it));
    plain && text.parse::<f64>().is_ok()
}

impl Datum {
    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) | Self::Typed(text) => leading(text),
            Self::Nothing => 0.0,
        }
    }

    /// As a text, by `CONVFMT` or `OFMT`.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(number) if number.is_nan() => "nan".to_owned(),
            Self::Number(number) if number.is_infinite() => {
                if *number > 0.0 { "inf" } else { "-inf" }.to_owned()
            }
            // What is whole is shown with all its digits.
            Self::Number(0.0) => "0".to_owned(),
            Self::Number(number) if *number == number.trunc() => format!("{number:.0}"),
            Self::Number(number) => Conversion::plain('g', 6).float(*number),
            Self::Text(text) | Self::Typed(text) => text.clone(),
            Self::Nothing => String::new(),
        }
    }

    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Typed(text) if looks_numeric(text) => leading(text) != 0.0,
            Self::Typed(text) => !text.is_empty(),
            Self::Nothing => false,
        }
    }

    /// Whether it compares as a number.
    pub(super) fn is_number(&self) -> bool {
        match self {
            Self::Number(_) | Self::Nothing => true,
            Self::Text(_) => false,
            Self::Typed(text) => looks_numeric(text),
        }
    }
}

pub(super) fn truth(holds: bool) -> Datum {
    Datum::Number(f64::from(u8::from(holds)))
}
