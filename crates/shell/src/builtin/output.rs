//! `echo` and `printf`.

use crate::expand::{Escapes, backslashed, escapes};
use crate::limits::OCTETS_AT_MOST;
use crate::run::{Flow, Interpreter};

pub(super) fn echo(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let (mut line_end, mut reads) = (true, false);
    let mut words = arguments;
    while let Some((option, rest)) = words.split_first() {
        let letters = option.strip_prefix('-').unwrap_or_default();
        if letters.is_empty() || !letters.chars().all(|it| "neE".contains(it)) {
            break;
        }
        for letter in letters.chars() {
            match letter {
                'n' => line_end = false,
                'e' => reads = true,
                _ => reads = false,
            }
        }
        words = rest;
    }
    let mut text = words.join(" ");
    if reads {
        let (read, ended) = escapes(&text, Escapes::Echo);
        (text, line_end) = (read, line_end && !ended);
    }
    if line_end {
        text.push('\n');
    }
    printed(shell, &text)
}

/// Prints; 1 where nothing can be written.
fn printed(shell: &mut Interpreter<'_>, text: &str) -> Flow<i32> {
    let doing = shell.doing.clone();
    let open = shell.state.channels.contains_key(&1);
    let done = shell.write(1, text)?;
    if !open {
        shell.complain(&format!("{doing}: write error: Bad file descriptor"))?;
    }
    Ok(i32::from(!done))
}

pub(super) fn printf(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut words = arguments;
    let mut variable = None;
    if let [option, name, rest @ ..] = words
        && option == "-v"
    {
        (variable, words) = (Some(name.clone()), rest);
    }
    if words.first().is_some_and(|it| it == "--") {
        words = &words[1..];
    }
    let Some((format, words)) = words.split_first() else {
        shell.error("printf: usage: printf [-v var] format [arguments]\n")?;
        return Ok(2);
    };
    let now = shell.begin().starts.at(shell.now).as_secs() as i64;
    let made = formatted(format, words, now);
    let refused = made
        .complaints
        .iter()
        .any(|it| !it.starts_with("warning: "));
    if let Some(name) = variable {
        for complaint in made.complaints {
            shell.complain(&format!("printf: {complaint}"))?;
        }
        let set = match name.strip_suffix(']').and_then(|it| it.split_once('[')) {
            Some((list, index)) => {
                let (key, index) = shell.index(list, index)?;
                shell.set_element(list, &key, index, made.text)?
            }
            None => shell.set_variable(&name, &made.text, false)?,
        };
        return Ok(i32::from(refused || !set));
    }
    // bash writes what it has made before it complains only at a line's end; the order of the two
    // streams is that of the complaint here.
    for complaint in made.complaints {
        shell.complain(&format!("printf: {complaint}"))?;
    }
    let status = printed(shell, &made.text)?;
    Ok(if refused { 1 } else { status })
}

/// What a format makes of its arguments, and what it says of those that it cannot take.
#[derive(Default)]
pub(crate) struct Formatted {
    pub(crate) text: String,
    pub(crate) complaints: Vec<String>,
    ended: bool,
    /// Seconds of now, for `%(...)T`.
    now: i64,
}

/// A conversion: `%-5.2f`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversion {
    left: bool,
    zero: bool,
    sign: Option<char>,
    alternative: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

/// Widths and precisions beyond this are cut.
const WIDTH_AT_MOST: usize = 4096;

/// Repeats a format until the arguments are used up.
pub(crate) fn formatted(format: &str, arguments: &[String], now: i64) -> Formatted {
    let mut made = Formatted {
        now,
        ..Formatted::default()
    };
    let mut left = arguments;
    loop {
        let before = left.len();
        pass(format, &mut left, &mut made);
        let full = made.text.len() > OCTETS_AT_MOST;
        if left.is_empty() || left.len() == before || made.ended || full {
            return made;
        }
    }
}

/// One pass through a format.
fn pass(format: &str, arguments: &mut &[String], made: &mut Formatted) {
    let letters: Vec<char> = format.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        match letters[at] {
            '\\' => {
                // All that follow each other, since octets may make one letter.
                let mut end = escape_end(&letters, at);
                while letters.get(end) == Some(&'\\') {
                    end = escape_end(&letters, end);
                }
                let text: String = letters[at..end].iter().collect();
                made.text += &escapes(&text, Escapes::Quoted).0;
                at = end;
            }
            '%' if letters.get(at + 1) == Some(&'%') => {
                made.text.push('%');
                at += 2;
            }
            '%' if letters.get(at + 1) == Some(&'(') => {
                let rest: String = letters[at + 2..].iter().collect();
                let Some((inner, _)) = rest.split_once(")T") else {
                    made.complaints
                        .push("`(': invalid format character".to_owned());
                    made.ended = true;
                    return;
                };
                let at_word = next(arguments).and_then(|it| it.parse::<i64>().ok());
                let seconds = at_word.filter(|it| *it >= 0).unwrap_or(made.now);
                made.text += &crate::filter::moment(inner, seconds);
                at += 2 + inner.chars().count() + 2;
            }
            '%' => {
                let Some((conversion, end)) = conversion(&letters, at + 1, arguments) else {
                    let rest: String = letters[at..].iter().collect();
                    made.complaints
                        .push(format!("`{rest}': missing format character"));
                    return;
                };
                at = end;
                convert(&conversion, arguments, made);
                // So much is not written in any case.
                if made.ended || made.text.len() > OCTETS_AT_MOST {
                    return;
                }
            }
            letter => {
                made.text.push(letter);
                at += 1;
            }
        }
    }
}

/// Where an escape that begins at `at` ends.
fn escape_end(letters: &[char], at: usize) -> usize {
    let digits = |from: usize, base: u32, most: usize| {
        letters[from..]
            .iter()
            .take(most)
            .take_while(|it| it.is_digit(base))
            .count()
    };
    match letters.get(at + 1) {
        None => at + 1,
        Some('x') => at + 2 + digits(at + 2, 16, 2),
        Some('u') => at + 2 + digits(at + 2, 16, 4),
        Some('U') => at + 2 + digits(at + 2, 16, 8),
        Some('0'..='7') => at + 1 + digits(at + 1, 8, 3),
        Some(_) => at + 2,
    }
}

fn number(letters: &[char], at: &mut usize, arguments: &mut &[String]) -> Option<i64> {
    if letters.get(*at) == Some(&'*') {
        *at += 1;
        return Some(next(arguments).and_then(|it| it.parse().ok()).unwrap_or(0));
    }
    let from = *at;
    while letters.get(*at).is_some_and(char::is_ascii_digit) {
        *at += 1;
    }
    let text: String = letters[from..*at].iter().collect();
    (*at > from).then(|| text.parse().unwrap_or(0))
}

fn next<'w>(arguments: &mut &'w [String]) -> Option<&'w str> {
    let (first, rest) = arguments.split_first()?;
    *arguments = rest;
    Some(first)
}

fn conversion(
    letters: &[char],
    mut at: usize,
    arguments: &mut &[String],
) -> Option<(Conversion, usize)> {
    let mut made = Conversion::default();
    while let Some(flag) = letters.get(at) {
        match flag {
            '-' => made.left = true,
            '0' => made.zero = true,
            '+' => made.sign = Some('+'),
            ' ' => made.sign = made.sign.or(Some(' ')),
            '#' => made.alternative = true,
            '\'' => {}
            _ => break,
        }
        at += 1;
    }
    let width = number(letters, &mut at, arguments).unwrap_or(0);
    made.left |= width < 0;
    made.width = (width.unsigned_abs() as usize).min(WIDTH_AT_MOST);
    if letters.get(at) == Some(&'.') {
        at += 1;
        let precision = number(letters, &mut at, arguments).unwrap_or(0);
        made.precision = usize::try_from(precision)
            .ok()
            .map(|it| it.min(WIDTH_AT_MOST));
    }
    while letters.get(at).is_some_and(|it| "hlLjzt".contains(*it)) {
        at += 1;
    }
    made.kind = *letters.get(at)?;
    Some((made, at + 1))
}

fn convert(conversion: &Conversion, arguments: &mut &[String], made: &mut Formatted) {
    match conversion.kind {
        's' => made.text += &conversion.text(next(arguments).unwrap_or_default()),
        'b' => {
            let (text, ended) = escapes(next(arguments).unwrap_or_default(), Escapes::Echo);
            made.text += &conversion.text(&text);
            made.ended = ended;
        }
        'q' => made.text += &conversion.text(&backslashed(next(arguments).unwrap_or_default())),
        'c' => {
            let letter = next(arguments).unwrap_or_default().chars().next();
            made.text += &conversion.text(&letter.map(String::from).unwrap_or_default());
        }
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let text = next(arguments).unwrap_or_default();
            let (value, complaint) = integer(text, "di".contains(conversion.kind));
            made.complaints.extend(complaint);
            made.text += &conversion.integer(value);
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let text = next(arguments).unwrap_or_default();
            let value = text.trim().parse::<f64>();
            if value.is_err() && !text.is_empty() {
                made.complaints.push(format!("{text}: invalid number"));
            }
            made.text += &conversion.float(value.unwrap_or(0.0));
        }
        other => {
            made.complaints
                .push(format!("`{other}': invalid format character"));
            made.ended = true;
        }
    }
}

/// A number as C writes it, or `'a` for the code of a letter.
fn integer(text: &str, signed: bool) -> (i64, Option<String>) {
    let most = match signed {
        true => i128::from(i64::MAX),
        false => i128::from(u64::MAX),
    };
    if let Some(letter) = text.strip_prefix(['\'', '"']) {
        return (
            letter
                .chars()
                .next()
                .map_or(0, |it| i64::from(u32::from(it))),
            None,
        );
    }
    let trimmed = text.trim_start();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (base, digits) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => (16, digits),
        None if digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let end = digits
        .find(|it: char| !it.is_digit(base))
        .unwrap_or(digits.len());
    let value = match &digits[..end] {
        "" => 0,
        // More digits than fit are more than the most, too.
        digits => i128::from_str_radix(digits, base).unwrap_or(i128::MAX),
    };
    let value = if negative { -value } else { value };
    let wrong = end < digits.len() || end == 0 && !text.is_empty();
    let complaint = match (wrong, base) {
        (true, 8) if digits[end..].starts_with(['8', '9']) => "invalid octal number",
        (true, 16) => "invalid hex number",
        (true, _) => "invalid number",
        (false, _) if value > most || value < i128::from(i64::MIN) => {
            let complaint = format!("warning: {text}: Numerical result out of range");
            let clamped = value.clamp(i128::from(i64::MIN), most);
            return (clamped as i64, Some(complaint));
        }
        (false, _) => return (value as i64, None),
    };
    (
        value.clamp(i128::from(i64::MIN), most) as i64,
        Some(format!("{text}: {complaint}")),
    )
}

impl Conversion {
    /// A conversion by itself, for `awk`.
    pub(crate) const fn plain(kind: char, precision: usize) -> Self {
        Self {
            left: false,
            zero: false,
            sign: None,
            alternative: false,
            width: 0,
            precision: Some(precision),
            kind,
        }
    }

    fn padded(&self, text: &str, zeros: bool) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.left {
            return format!("{text}{}", " ".repeat(missing));
        }
        if !zeros {
            return format!("{}{text}", " ".repeat(missing));
        }
        let sign = text.len() - text.trim_start_matches(['-', '+', ' ']).len();
        let (sign, digits) = text.split_at(sign);
        format!("{sign}{}{digits}", "0".repeat(missing))
    }

    fn text(&self, text: &str) -> String {
        let cut: String = match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_owned(),
        };
        self.padded(&cut, false)
    }

    fn integer(&self, value: i64) -> String {
        let mut digits = match self.kind {
            'x' => format!("{value:x}"),
            'X' => format!("{value:X}"),
            'o' => format!("{value:o}"),
            'u' => (value as u64).to_string(),
            _ => value.unsigned_abs().to_string(),
        };
        if let Some(least) = self.precision {
            digits = format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
        }
        if self.alternative && value != 0 {
            let prefix = match self.kind {
                'x' => "0x",
                'X' => "0X",
                'o' => "0",
                _ => "",
            };
            digits.insert_str(0, prefix);
        }
        let is_signed = "di".contains(self.kind);
        let sign = match (is_signed && value < 0, self.sign.filter(|_| is_signed)) {
            (true, _) => "-".to_owned(),
            (false, sign) => sign.map(String::from).unwrap_or_default(),
        };
        self.padded(&(sign + &digits), self.zero && self.precision.is_none())
    }

    /// `%f`, `%e`, `%g`.
    pub(crate) fn float(&self, value: f64) -> String {
        let precision = self.precision.unwrap_or(6);
        let magnitude = value.abs();
        let upper = self.kind.is_ascii_uppercase();
        let mut digits = if !value.is_finite() {
            if value.is_nan() {
                "nan".to_owned()
            } else {
                "inf".to_owned()
            }
        } else {
            match self.kind.to_ascii_lowercase() {
                'f' => format!("{magnitude:.precision$}"),
                'e' => scientific(magnitude, precision),
                _ => general(magnitude, precision.max(1), self.alternative),
            }
        };
        if upper {
            digits = digits.to_uppercase();
        }
        let sign = match value.is_sign_negative() && !value.is_nan() {
            true => "-".to_owned(),
            false => self.sign.map(String::from).unwrap_or_default(),
        };
        self.padded(&(sign + &digits), self.zero && value.is_finite())
    }
}

/// `1.500000e+03`
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// `%g`: the shorter of the two.
fn general(value: f64, precision: usize, keeps_zeros: bool) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let rounded = scientific(value, precision - 1);
    let exponent = rounded
        .split_once('e')
        .and_then(|it| it.1.parse::<i32>().ok());
    let exponent = exponent.unwrap_or(0);
    let bare = |text: &str| match text.contains('.') && !keeps_zeros {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= precision as i32 {
        let (digits, power) = rounded.split_once('e').unwrap_or((&rounded, "+00"));
        return format!("{}e{power}", bare(digits));
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    bare(&format!("{value:.decimals$}"))
}
