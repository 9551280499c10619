//! `format`, which follows Java's `Formatter`, and `format_number`.
//!
//! Of Java's conversions those that a report needs: `%s %S %d %x %X %o %b %c %e %f %g %% %n`, with
//! position (`%2$s`), flags (`- 0 + , (` and blank), width and precision.

use super::{Function, Given, functions, within};
use crate::athena::error::{Checked, Fault};
use crate::athena::result;
use crate::athena::types::Type;
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "format_number(double):varchar" |_, v| Ok(Value::str(short(v[0].float())));
};

/// NULL is printed as `null`, as Java does.
pub(super) const WITH_NULLS: &[Function] = &[Function {
    signature: "format(varchar,A...):varchar",
    run: format,
    nulls: true,
}];

/// Characters that a value may be padded to.
const WIDTH_MAX: usize = 10_000;

/// One conversion: `%[position$][flags][width][.precision]letter`.
struct Conversion<'f> {
    flags: &'f str,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

fn format<'a>(given: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    if v[0].is_null() {
        return Ok(Value::Null);
    }
    let (mut text, mut rest, mut next) = (String::new(), v[0].text(), 1);
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let (position, conversion, len) = conversion(&rest[at + 1..])?;
        rest = &rest[at + 1 + len..];
        match conversion.letter {
            '%' => text.push_str(&conversion.padded("%".to_owned())),
            'n' => text.push('\n'),
            _ => {
                let place = position.unwrap_or(next);
                next += usize::from(position.is_none());
                let value = v.get(place).filter(|_| place > 0);
                let value = value.ok_or_else(|| {
                    Fault::argument(format!("Format specifier '%{}'", conversion.letter))
                })?;
                text.push_str(&conversion.print(value, &given.types[place])?);
            }
        }
        within(text.len())?;
    }
    text.push_str(rest);
    Ok(Value::str(text))
}

/// What stands behind a `%`, and how many bytes it takes.
fn conversion(text: &str) -> Checked<(Option<usize>, Conversion<'_>, usize)> {
    let wrong = || Fault::argument(format!("Invalid format string: %{text}"));
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let mut at = 0;
    let first = digits(text);
    let mut position = None;
    if first > 0 && text[first..].starts_with('$') {
        position = Some(text[..first].parse().map_err(|_| wrong())?);
        at = first + 1;
    }
    let flags = text[at..]
        .find(|c: char| !"-0+,( #".contains(c))
        .ok_or_else(wrong)?;
    let flags = &text[at..at + flags];
    at += flags.len();
    let width = digits(&text[at..]);
    let number = |digits: &str| match digits {
        "" => Ok(0),
        digits => digits
            .parse()
            .ok()
            .filter(|n| *n <= WIDTH_MAX)
            .ok_or_else(wrong),
    };
    let (width, len) = (number(&text[at..at + width])?, width);
    at += len;
    let mut precision = None;
    if text[at..].starts_with('.') {
        let len = digits(&text[at + 1..]);
        precision = Some(number(&text[at + 1..at + 1 + len])?);
        at += 1 + len;
    }
    let letter = text[at..].chars().next().ok_or_else(wrong)?;
    let conversion = Conversion {
        flags,
        width,
        precision,
        letter,
    };
    Ok((position, conversion, at + letter.len_utf8()))
}

impl Conversion<'_> {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn print(&self, value: &Value<'_>, ty: &Type) -> Checked<String> {
        let mismatch = || {
            let message = format!("Invalid format string: %{} for {ty}", self.letter);
            Fault::argument(message)
        };
        if value.is_null() {
            let text = if matches!(self.letter, 'b' | 'B') {
                "false"
            } else {
                "null"
            };
            return Ok(self.padded(text.to_owned()));
        }
        let text = match (self.letter, value) {
            ('s' | 'S', value) => {
                let text = result::print(value, ty).unwrap_or_default();
                self.cut(text)
            }
            ('b' | 'B', Value::Bool(truth)) => truth.to_string(),
            ('b' | 'B', _) => "true".to_owned(),
            ('c' | 'C', Value::Text(text)) if text.chars().count() == 1 => text.to_string(),
            ('d', Value::Int(number)) if ty.is_integer() => {
                return Ok(self.number(*number < 0, number.unsigned_abs().to_string()));
            }
            ('x' | 'X', Value::Int(number)) if ty.is_integer() => match ty {
                Type::BigInt => format!("{number:x}"),
                _ => format!("{:x}", *number as i32),
            },
            ('o', Value::Int(number)) if ty.is_integer() => format!("{number:o}"),
            ('e' | 'E' | 'f' | 'g' | 'G', value) => {
                let number = match (value, ty) {
                    (Value::Float(number), _) => *number,
                    (Value::Decimal(number), Type::Decimal(_, scale)) => {
                        let text = result::print_decimal(*number, *scale);
                        text.parse().map_err(|_| mismatch())?
                    }
                    _ => return Err(mismatch()),
                };
                return Ok(self.number(number < 0.0, self.fraction(number.abs())));
            }
            _ => return Err(mismatch()),
        };
        Ok(self.padded(text))
    }

    /// The digits of a number that is not negative.
    fn fraction(&self, number: f64) -> String {
        let places = self.precision.unwrap_or(6);
        if !number.is_finite() {
            return if number.is_nan() { "NaN" } else { "Infinity" }.to_owned();
        }
        match self.letter {
            'f' => format!("{number:.places$}"),
            'g' | 'G' if (1e-4..1e15).contains(&number) => {
                let whole = number.log10().floor() as i64 + 1;
                let places = places.max(1) as i64 - whole;
                format!("{number:.*}", places.max(0) as usize)
            }
            _ => {
                let text = format!("{number:.places$e}");
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let (sign, exponent) = match exponent.strip_prefix('-') {
                    Some(exponent) => ('-', exponent),
                    None => ('+', exponent),
                };
                format!("{digits}e{sign}{exponent:0>2}")
            }
        }
    }

    /// A number with its sign, in groups of thousands and with zeros as the flags say.
    fn number(&self, negative: bool, digits: String) -> String {
        let digits = if self.has(',') {
            grouped(&digits)
        } else {
            digits
        };
        let (before, after) = match negative {
            true if self.has('(') => ("(", ")"),
            true => ("-", ""),
            false if self.has('+') => ("+", ""),
            false if self.has(' ') => (" ", ""),
            false => ("", ""),
        };
        let room = self.width.saturating_sub(before.len() + after.len());
        let digits = match self.has('0') {
            true => format!("{digits:0>room$}"),
            false => digits,
        };
        self.padded(format!("{before}{digits}{after}"))
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(longest) => text.chars().take(longest).collect(),
            None => text,
        }
    }

    fn padded(&self, text: String) -> String {
        let width = self.width;
        let text = match self.letter.is_uppercase() {
            true => text.to_uppercase(),
            false => text,
        };
        match self.has('-') {
            true => format!("{text:<width$}"),
            false => format!("{text:>width$}"),
        }
    }
}

/// `1234567.5` as `1,234,567.5`.
fn grouped(digits: &str) -> String {
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut text = String::new();
    for (at, c) in digits.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// With a sign for thousands, millions and so on, and three digits: `1.23M`.
fn short(number: f64) -> String {
    const UNITS: [&str; 6] = ["", "K", "M", "B", "T", "Q"];
    if !number.is_finite() {
        return result::print_double(number);
    }
    let (mut size, mut unit) = (number.abs(), 0);
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let places = match size {
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{size:.places$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{text}{}", UNITS[unit])
}
