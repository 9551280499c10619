//! What stands behind `timeout` (coreutils 9.1), and the signals that it knows.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{SimDuration, without_sudo};

/// The signals of Linux by their numbers, from 0 (`sig2str` of gnulib).
const NAMES: [&str; 32] = [
    "EXIT", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
    "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
    "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "POLL", "PWR", "SYS",
];
/// Other names of theirs.
const ALIASES: [(&str, u8); 3] = [("IOT", 6), ("CLD", 17), ("IO", 29)];
/// The first and the last of the real-time signals that programs may use.
const REAL_TIME: (u8, u8) = (34, 64);

/// A signal (signal(7)), or 0, which is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal(u8);

impl Signal {
    /// What a terminal sends at ^C.
    pub const INTERRUPT: Self = Self(2);
    /// What no program withstands.
    pub const KILL: Self = Self(9);
    /// What a timer sends.
    pub const ALARM: Self = Self(14);
    /// What ends a program in good order.
    pub const TERMINATE: Self = Self(15);
    /// What a terminal sends at ^\\.
    pub const QUIT: Self = Self(3);
    /// What a terminal sends that goes away.
    pub const HANGUP: Self = Self(1);

    /// Reads a name in any case, with `SIG` before it or without, or a number, or the status of
    /// what a signal has ended (`operand2sig`).
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.starts_with(|it: char| it.is_ascii_digit()) {
            let number: i32 = text.parse().ok()?;
            let number = number & if number >= 0xff { 0xff } else { 0x7f };
            return u8::try_from(number).ok().map(Self).filter(|it| it.is_one());
        }
        let name = text.to_ascii_uppercase();
        let bare = name.strip_prefix("SIG");
        Self::named(&name).or_else(|| bare.and_then(Self::named))
    }

    fn named(name: &str) -> Option<Self> {
        // `SIG15` (`str2signum`).
        if name.starts_with(|it: char| it.is_ascii_digit()) {
            return name.parse().ok().map(Self).filter(|it| it.is_one());
        }
        let (first, last) = REAL_TIME;
        let offset = |text: &str| match text {
            "" => Some(0),
            text => text
                .parse::<i16>()
                .ok()
                .filter(|_| text.starts_with(['+', '-'])),
        };
        let from = |base: u8, text: &str| {
            let number = u8::try_from(i16::from(base).checked_add(offset(text)?)?).ok()?;
            (first..=last).contains(&number).then_some(Self(number))
        };
        if let Some(rest) = name.strip_prefix("RTMIN") {
            return from(first, rest);
        }
        if let Some(rest) = name.strip_prefix("RTMAX") {
            return from(last, rest);
        }
        let alias = ALIASES.iter().find(|it| it.0 == name).map(|it| it.1);
        let own = || NAMES.iter().position(|it| *it == name);
        alias
            .or_else(|| own().and_then(|it| u8::try_from(it).ok()))
            .map(Self)
    }

    fn is_one(self) -> bool {
        usize::from(self.0) < NAMES.len() || (REAL_TIME.0..=REAL_TIME.1).contains(&self.0)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// Its name, without `SIG` (`sig2str`).
    #[must_use]
    pub fn name(self) -> String {
        let (first, last) = REAL_TIME;
        match self.0 {
            it if it == first => "RTMIN".to_owned(),
            it if it == last => "RTMAX".to_owned(),
            it if it < first => NAMES[usize::from(it)].to_owned(),
            it if it - first <= (last - first) / 2 => format!("RTMIN+{}", it - first),
            it => format!("RTMAX-{}", last - it),
        }
    }

    /// Whether it ends a program that has not said otherwise.
    #[must_use]
    pub fn ends(self) -> bool {
        // Which are none, are ignored, or stop it for a while.
        !matches!(self.0, 0 | 17..=23 | 28)
    }
}

/// A command line of `timeout`, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout<'w> {
    /// After which the signal is sent; zero: never.
    pub limit: SimDuration,
    /// What is sent then.
    pub signal: Signal,
    /// Whether that is said (`-v`).
    pub verbose: bool,
    /// Whether the status is the program's in any case.
    pub preserve: bool,
    /// The program with its arguments.
    pub command: &'w [String],
}

impl Timeout<'_> {
    /// What is said when the signal is sent.
    #[must_use]
    pub fn notice(&self) -> Option<String> {
        let command = self.command.first().filter(|_| self.verbose)?;
        Some(late_notice(self.signal, command))
    }

    /// The status when the time is over, of a program that ended by itself (`own`) or by the
    /// signal.
    #[must_use]
    pub fn status(&self, own: Option<i32>) -> i32 {
        late_status(self.signal, self.preserve, own)
    }
}

/// What `timeout -v` says when it sends a signal.
#[must_use]
pub fn late_notice(signal: Signal, command: &str) -> String {
    let signal = signal.name();
    format!("timeout: sending signal {signal} to command ‘{command}’\n")
}

/// The status of `timeout` when the time is over; `own` is that of a program which ended by itself.
#[must_use]
pub fn late_status(signal: Signal, preserve: bool, own: Option<i32>) -> i32 {
    let signalled = 128 + signal.number();
    match (preserve, own) {
        // The signal that nothing withstands ends `timeout` too.
        _ if signal == Signal::KILL => signalled,
        (true, None) => signalled,
        (true, Some(own)) => own,
        (false, _) => 124,
    }
}

/// Why a command line of `timeout` runs nothing; its status is 125. Each text is what `timeout`
/// prints, and ends a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeoutError {
    /// `timeout` would not take it either.
    #[error("{0}Try 'timeout --help' for more information.\n")]
    Usage(String),
    /// It is right, and not simulated.
    #[error("timeout: {0} (not supported here)\n")]
    Unsimulated(String),
}

/// The options: letter (a capital where there is none), long name, whether a value comes with it.
const OPTIONS: [(char, &str, bool); 7] = [
    ('F', "foreground", false),
    ('k', "kill-after", true),
    ('P', "preserve-status", false),
    ('s', "signal", true),
    ('v', "verbose", false),
    ('H', "help", false),
    ('V', "version", false),
];

/// Reads what was typed behind `timeout`.
///
/// # Errors
/// See [`TimeoutError`].
pub fn read_timeout(arguments: &[String]) -> Result<Timeout<'_>, TimeoutError> {
    let mut timeout = Timeout {
        limit: SimDuration::ZERO,
        signal: Signal::TERMINATE,
        verbose: false,
        preserve: false,
        command: &[],
    };
    let mut words = arguments;
    while let Some((word, rest)) = words.split_first() {
        let Some(option) = word.strip_prefix('-').filter(|it| !it.is_empty()) else {
            break;
        };
        words = rest;
        match option.strip_prefix('-') {
            Some("") => break,
            Some(long) => timeout.long(long, &mut words)?,
            None => timeout.letters(option, &mut words)?,
        }
    }
    let Some((limit, command)) = words.split_first().filter(|it| !it.1.is_empty()) else {
        return Err(TimeoutError::Usage(String::new()));
    };
    timeout.limit = interval(limit)?;
    timeout.command = command;
    let signal = timeout.signal;
    let program = without_sudo(command).first().map_or("", String::as_str);
    let is_ping = program.rsplit('/').next() == Some("ping");
    if signal.ends() && !(is_ping && signal == Signal::QUIT) {
        return Ok(timeout);
    }
    let what = if signal.ends() { "ping" } else { "program" };
    let text = format!("-s {}, which ends no {what}", signal.name());
    Err(TimeoutError::Unsimulated(text))
}

fn usage(text: &str) -> TimeoutError {
    TimeoutError::Usage(format!("timeout: {text}\n"))
}

fn interval(text: &str) -> Result<SimDuration, TimeoutError> {
    read_span(text).ok_or_else(|| usage(&format!("invalid time interval ‘{text}’")))
}

impl Timeout<'_> {
    /// An option by its name, or by as much of it as tells it from others (getopt_long(3)).
    fn long(&mut self, text: &str, words: &mut &[String]) -> Result<(), TimeoutError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let begins = |it: &&(char, &str, bool)| !name.is_empty() && it.1.starts_with(name);
        let all: Vec<_> = OPTIONS.iter().filter(begins).collect();
        let (letter, name, takes) = match all[..] {
            [only] => *only,
            [] => return Err(usage(&format!("unrecognized option '--{name}'"))),
            _ => {
                let names: Vec<_> = all.iter().map(|it| format!("'--{}'", it.1)).collect();
                let names = names.join(" ");
                let text = format!("option '--{name}' is ambiguous; possibilities: {names}");
                return Err(usage(&text));
            }
        };
        match (takes, value) {
            (false, None) => self.take(letter, ""),
            (false, Some(_)) => Err(usage(&format!(
                "option '--{name}' doesn't allow an argument"
            ))),
            (true, Some(value)) => self.take(letter, &value),
            (true, None) => {
                let text = format!("option '--{name}' requires an argument");
                self.take(letter, next(words, &text)?)
            }
        }
    }

    /// Options of one letter, as many as stand in a word.
    fn letters(&mut self, letters: &str, words: &mut &[String]) -> Result<(), TimeoutError> {
        for (at, letter) in letters.char_indices() {
            let known = OPTIONS.iter().find(|it| it.0 == letter);
            let Some((_, _, takes)) = known.filter(|_| letter.is_ascii_lowercase()) else {
                return Err(usage(&format!("invalid option -- '{letter}'")));
            };
            if !takes {
                self.take(letter, "")?;
                continue;
            }
            let inner = &letters[at + letter.len_utf8()..];
            let text = format!("option requires an argument -- '{letter}'");
            return match inner.is_empty() {
                true => self.take(letter, next(words, &text)?),
                false => self.take(letter, inner),
            };
        }
        Ok(())
    }

    fn take(&mut self, letter: char, value: &str) -> Result<(), TimeoutError> {
        match letter {
            // The signal before has ended the program already: only such are taken.
            'k' => drop(interval(value)?),
            's' => {
                let wrong = || usage(&format!("‘{value}’: invalid signal"));
                self.signal = Signal::read(value).ok_or_else(wrong)?;
            }
            'v' => self.verbose = true,
            'P' => self.preserve = true,
            'H' => return Err(TimeoutError::Unsimulated("--help".to_owned())),
            'V' => return Err(TimeoutError::Unsimulated("--version".to_owned())),
            // There is no terminal that it could be in the foreground of.
            _ => {}
        }
        Ok(())
    }
}

fn next<'w>(words: &mut &'w [String], why: &str) -> Result<&'w str, TimeoutError> {
    let (value, rest) = words.split_first().ok_or_else(|| usage(why))?;
    *words = rest;
    Ok(value)
}

/// A time as `sleep` and `timeout` take it (`xstrtod`, `apply_time_suffix`): `5`, `.5`, `2m`,
/// `1e3`, `0x1p-2`, `infinity`. Parts of a nanosecond are a whole one (`dtotimespec`).
#[must_use]
pub fn read_span(text: &str) -> Option<SimDuration> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, unit) = Number::read(text)?;
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let nanos = number.nanos(unit);
    (!is_negative || nanos == 0).then_some(SimDuration::from_nanos(nanos))
}

/// A number as `strtod` reads it: digits, and what their sum is multiplied with.
#[derive(Clone, Copy, Debug)]
struct Number {
    /// The first digits of it, as many as have room.
    digits: u128,
    /// It is a little more than its digits say.
    more: bool,
    /// Of the exponent: 10, or 2 where the digits are hexadecimal.
    base: u128,
    exponent: i64,
}

impl Number {
    const INFINITE: Self = Self {
        digits: 1,
        more: false,
        base: 10,
        exponent: i64::MAX,
    };
    /// Further digits change no nanosecond; with these, days are counted without overflow.
    const ROOM: u128 = 1 << 64;

    /// The number that a text begins with, and what is behind it.
    fn read(text: &str) -> Option<(Self, &str)> {
        let begins = |word: &str| {
            let head = text.get(..word.len());
            head.is_some_and(|it| it.eq_ignore_ascii_case(word))
        };
        for word in ["infinity", "inf"] {
            if begins(word) {
                return Some((Self::INFINITE, &text[word.len()..]));
            }
        }
        let (radix, step, mark) = match begins("0x") {
            true => (16, 4, 'p'),
            false => (10, 1, 'e'),
        };
        let mut number = Self {
            digits: 0,
            more: false,
            base: if radix == 16 { 2 } else { 10 },
            exponent: 0,
        };
        let mut rest = if radix == 16 { &text[2..] } else { text };
        let (mut is_fraction, mut is_one) = (false, false);
        while let Some(letter) = rest.chars().next() {
            match letter.to_digit(radix) {
                Some(digit) => number.push(digit, radix, if is_fraction { -step } else { 0 }, step),
                None if letter == '.' && !is_fraction => is_fraction = true,
                None => break,
            }
            is_one |= letter != '.';
            rest = &rest[1..];
        }
        let behind = rest.strip_prefix([mark, mark.to_ascii_uppercase()]);
        if let Some((exponent, behind)) = behind.and_then(exponent) {
            number.exponent = number.exponent.saturating_add(exponent);
            rest = behind;
        }
        is_one.then_some((number, rest))
    }

    /// One more digit; `at` is what it adds to the exponent, `step` what it is worth there.
    fn push(&mut self, digit: u32, radix: u32, at: i64, step: i64) {
        if self.digits < Self::ROOM {
            self.digits = self.digits * u128::from(radix) + u128::from(digit);
            self.exponent += at;
        } else {
            self.more |= digit > 0;
            self.exponent += at + step;
        }
    }

    /// Whether a `double` has nothing smaller but zero: 0x1p-1074, which is about 5e-324.
    fn is_nothing(self) -> bool {
        let size = match (self.digits, self.base) {
            (0, _) => return true,
            (digits, 10) => (digits.ilog10(), -324),
            (digits, _) => (digits.ilog2(), -1074),
        };
        self.exponent.saturating_add(i64::from(size.0)) < size.1
    }

    /// So many units of seconds in nanoseconds, rounded up.
    fn nanos(self, unit: u32) -> u64 {
        if self.is_nothing() {
            return 0;
        }
        let mut nanos = self.digits * u128::from(unit) * 1_000_000_000;
        for _ in 0..self.exponent.clamp(0, 128) {
            nanos = nanos.saturating_mul(self.base);
        }
        let mut more = self.more;
        let mut left = self.exponent.min(0);
        while left < 0 && nanos > 0 {
            more |= !nanos.is_multiple_of(self.base);
            nanos /= self.base;
            left += 1;
        }
        let nanos = nanos.saturating_add(u128::from(more));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// The digits of an exponent with their sign, and what is behind them.
fn exponent(text: &str) -> Option<(i64, &str)> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = digits.find(|it: char| !it.is_ascii_digit());
    let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
    if digits.is_empty() {
        return None;
    }
    // So many that it does not matter how many.
    let value = digits.parse().unwrap_or(i64::MAX / 2);
    Some((if text.starts_with('-') { -value } else { value }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn signals_have_the_names_of_coreutils() {
        let name = |text: &str| Signal::read(text).map(Signal::name);
        for (typed, shown) in [
            ("TERM", "TERM"),
            ("sigterm", "TERM"),
            ("15", "TERM"),
            ("143", "TERM"),
            ("IOT", "ABRT"),
            ("io", "POLL"),
            ("rtmin", "RTMIN"),
            ("RTMIN+3", "RTMIN+3"),
            ("48", "RTMIN+14"),
            ("49", "RTMIN+15"),
            ("50", "RTMAX-14"),
            ("SIGRTMAX-3", "RTMAX-3"),
            ("64", "RTMAX"),
            ("SIGEXIT", "EXIT"),
            ("SIG15", "TERM"),
            ("sig0", "EXIT"),
            ("256", "EXIT"),
        ] {
            assert_eq!(name(typed), Some(shown.to_owned()), "{typed}");
        }
        for wrong in [
            "NOPE", "", "-1", "+1", "1.0", "32", "99", "255", "383", "RTMIN+40", "RTMAX+1",
            "SIGSIG", "SIG32", "SIG65", "SIG143", "SIG15x", "+15", " 15", "15 ",
        ] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_read_as_strtod_reads_them() {
        let never = u64::MAX;
        for (typed, nanos) in [
            ("5", 5_000_000_000),
            (".5", 500_000_000),
            ("1.", 1_000_000_000),
            ("+1s", 1_000_000_000),
            (" \t1", 1_000_000_000),
            ("2m", 120_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1e0", 1_000_000_000),
            ("1E+2s", 100_000_000_000),
            ("25e-1", 2_500_000_000),
            ("0x1", 1_000_000_000),
            ("0x1d", 29_000_000_000),
            ("0X.8m", 30_000_000_000),
            ("0x1p-1", 500_000_000),
            ("0.0000000001", 1),
            ("1.0000000000000000000000000000000001", 1_000_000_001),
            ("1e-310", 1),
            ("1e-400", 0),
            ("-1e-400", 0),
            ("-0", 0),
            ("0e99999999999999999999", 0),
            ("0x0d", 13_000_000_000),
            ("inf", never),
            ("InFinityd", never),
            ("1e400", never),
            ("99999999999999999999", never),
            ("1e99999999999999999999d", never),
            ("100000000000000000000000000000000000e-35", 1_000_000_000),
        ] {
            let nanos = Some(SimDuration::from_nanos(nanos));
            assert_eq!(read_span(typed), nanos, "{typed}");
        }
        for wrong in [
            "", "s", ".", "-", "--", "+ 1", "-1", "-inf", "nan", "infinit", "inf.5", "1e", "1es",
            "1 ", "1ss", "1S", "1,5", "1p1", "0x", "0xs", "0x.", "0x1p", "1e1e", "1_0", "é",
        ] {
            assert_eq!(read_span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_timeout_refuses_is_refused_in_its_words() {
        let text = |line: &str| match read_timeout(&argv(line)) {
            Ok(_) => String::new(),
            Err(why) => why
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        for (line, why) in [
            ("-s NOPE 1 sleep 3", "timeout: ‘NOPE’: invalid signal"),
            ("-x 1 true", "timeout: invalid option -- 'x'"),
            ("-P 1 true", "timeout: invalid option -- 'P'"),
            ("-k", "timeout: option requires an argument -- 'k'"),
            ("-k x 1 true", "timeout: invalid time interval ‘x’"),
            ("x true", "timeout: invalid time interval ‘x’"),
            (
                "--signal",
                "timeout: option '--signal' requires an argument",
            ),
            (
                "--verbose=1 1 true",
                "timeout: option '--verbose' doesn't allow an argument",
            ),
            (
                "--ver 1 true",
                "timeout: option '--ver' is ambiguous; possibilities: '--verbose' '--version'",
            ),
            ("--bogus 1 true", "timeout: unrecognized option '--bogus'"),
            ("1", "Try 'timeout --help' for more information."),
            (
                "-s CONT 1 true",
                "timeout: -s CONT, which ends no program (not supported here)",
            ),
            (
                "-s QUIT 1 sudo ping host",
                "timeout: -s QUIT, which ends no ping (not supported here)",
            ),
        ] {
            assert_eq!(text(line), why, "{line}");
        }
        let line = argv("-vk1 --sig=kill --pres -- 1.5m sleep -k 3");
        let read = read_timeout(&line).expect("it is right");
        assert_eq!(read.limit, SimDuration::from_secs(90));
        assert_eq!(read.command.len(), 3);
        assert_eq!(read.status(None), 137);
        let notice = "timeout: sending signal KILL to command ‘sleep’\n";
        assert_eq!(read.notice().as_deref(), Some(notice));
    }
}
