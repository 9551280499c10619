//! `seq`.

use crate::builtin::formatted;
use crate::run::{Flow, Interpreter};

/// A number with decimals, in units of its last one.
fn decimal(text: &str) -> Option<(i64, usize)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let value = format!("{whole}{fraction}").parse().ok()?;
    Some((value, fraction.len()))
}

/// What was typed.
#[derive(Default)]
struct Asked {
    separator: Option<String>,
    equal: bool,
    format: Option<String>,
    words: Vec<String>,
}

fn asked(arguments: &[String]) -> Asked {
    let mut asked = Asked::default();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-w" | "--equal-width" => asked.equal = true,
            "-s" => asked.separator = rest.next().cloned(),
            "-f" => asked.format = rest.next().cloned(),
            word if word.starts_with("-s") => asked.separator = Some(word[2..].to_owned()),
            word => asked.words.push(word.to_owned()),
        }
    }
    asked
}

/// Numbers in a unit of `1 / 10^most`, shown with so many decimals.
struct Scale {
    places: usize,
    most: usize,
}

impl Scale {
    fn show(&self, value: i64) -> String {
        let (places, most) = (self.places, self.most);
        let unit = 10_u64.pow(most as u32);
        let (whole, rest) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
        let sign = if value < 0 { "-" } else { "" };
        let rest = format!("{rest:0most$}");
        match places {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}.{}", &rest[..places]),
        }
    }
}

pub(super) fn seq(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let asked = asked(arguments);
    let words: Vec<&str> = asked.words.iter().map(String::as_str).collect();
    let (first, step, last) = match words[..] {
        [last] => ("1", "1", last),
        [first, last] => (first, "1", last),
        [first, step, last] => (first, step, last),
        _ => {
            let what = match words.get(3) {
                None => "missing operand".to_owned(),
                Some(more) => format!("extra operand ‘{more}’"),
            };
            shell.error(&format!("seq: {what}\n{}", super::more_about("seq")))?;
            return Ok(1);
        }
    };
    let mut parts = Vec::new();
    for word in [first, step, last] {
        let Some(part) = decimal(word) else {
            let more = super::more_about("seq");
            shell.error(&format!(
                "seq: invalid floating point argument: ‘{word}’\n{more}"
            ))?;
            return Ok(1);
        };
        parts.push(part);
    }
    let places = parts[0].1.max(parts[1].1);
    let scale = Scale {
        places,
        most: places.max(parts[2].1),
    };
    let scaled =
        |(value, own): (i64, usize)| value.saturating_mul(10_i64.pow((scale.most - own) as u32));
    let (mut at, step, last) = (scaled(parts[0]), scaled(parts[1]), scaled(parts[2]));
    if step == 0 {
        shell.error("seq: invalid Zero increment value: ‘0’\n")?;
        return Ok(1);
    }
    let width = match asked.equal {
        true => scale.show(at).len().max(scale.show(last).len()),
        false => 0,
    };
    let mut numbers = Vec::new();
    while if step > 0 { at <= last } else { at >= last } {
        shell.step(8)?;
        let text = scale.show(at);
        numbers.push(match &asked.format {
            Some(format) => formatted(format, &[text], 0).text,
            None => padded(&text, width),
        });
        let Some(next) = at.checked_add(step) else {
            break;
        };
        at = next;
    }
    if !numbers.is_empty() {
        let separator = asked.separator.as_deref().unwrap_or("\n");
        shell.out(&(numbers.join(separator) + "\n"))?;
    }
    Ok(0)
}

/// With zeros between the sign and the digits.
fn padded(text: &str, width: usize) -> String {
    let digits = text.trim_start_matches('-');
    let sign = &text[..text.len() - digits.len()];
    format!(
        "{sign}{digits:0>width$}",
        width = width.saturating_sub(sign.len())
    )
}
