//! Command lines as `getopt_long` reads them: clustered letters, values attached or apart, options
//! before and after operands, `--` before operands that look like options.

use super::Refusal;
use super::curl_options::is_real;

/// The options of a program.
pub(super) struct Syntax {
    /// Its name, for complaints.
    pub(super) program: &'static str,
    /// Letters; one that takes a value is followed by a colon, as for `getopt`.
    pub(super) letters: &'static str,
    /// Long names and the letters they stand for.
    pub(super) long: &'static [(&'static str, char)],
    /// Printed after a complaint.
    pub(super) usage: &'static str,
    /// With which the program ends after it.
    pub(super) status: i32,
    /// How it complains.
    pub(super) style: Style,
}

/// Whose words a program has for options that make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Getopt,
    Curl,
}

/// What is wrong with an option.
#[derive(Clone, Copy)]
enum Wrong {
    Unknown,
    /// The value is missing.
    Bare,
    /// It takes none.
    Valued,
}

/// A word of a command line with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// An option without value.
    Flag(char),
    /// An option and its value.
    Value(char, String),
    /// Anything else.
    Operand(String),
}

impl Syntax {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// An unknown option, or one without the value it takes.
    pub(super) fn read(&self, arguments: &[String]) -> Result<Vec<Word>, Refusal> {
        let mut words = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                words.extend(rest.cloned().map(Word::Operand));
                break;
            }
            if let Some(long) = argument.strip_prefix("--") {
                words.push(self.long(long, &mut rest)?);
            } else if argument.len() > 1 && argument.starts_with('-') {
                self.cluster(&argument[1..], &mut rest, &mut words)?;
            } else {
                words.push(Word::Operand(argument.clone()));
            }
        }
        Ok(words)
    }

    /// How many words come before the first operand, for programs that read no option behind it.
    pub(super) fn leading(&self, arguments: &[String]) -> usize {
        let mut at = 0;
        while let Some(word) = arguments.get(at).filter(|it| it.len() > 1) {
            let Some(cluster) = word.strip_prefix('-') else {
                break;
            };
            at += 1;
            let mut letters = cluster.char_indices();
            let takes = letters.find(|(_, it)| self.takes_value(*it) == Some(true));
            if takes.is_some_and(|(at, it)| at + it.len_utf8() == cluster.len()) {
                at += 1;
            }
        }
        at.min(arguments.len())
    }

    fn cluster(
        &self,
        cluster: &str,
        rest: &mut std::slice::Iter<'_, String>,
        words: &mut Vec<Word>,
    ) -> Result<(), Refusal> {
        for (at, letter) in cluster.char_indices() {
            match self.takes_value(letter) {
                None => return Err(self.refuse(Wrong::Unknown, &format!("-{letter}"))),
                Some(false) => words.push(Word::Flag(letter)),
                Some(true) => {
                    let attached = &cluster[at + letter.len_utf8()..];
                    let value = if attached.is_empty() {
                        rest.next().cloned()
                    } else {
                        Some(attached.to_owned())
                    };
                    let bare = || self.refuse(Wrong::Bare, &format!("-{letter}"));
                    let value = value.ok_or_else(bare)?;
                    words.push(Word::Value(letter, value));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn long(&self, text: &str, rest: &mut std::slice::Iter<'_, String>) -> Result<Word, Refusal> {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) if self.style == Style::Getopt => (name, Some(value.to_owned())),
            _ => (text, None),
        };
        let typed = format!("--{name}");
        let letter = self.long_letter(name);
        let letter = letter.ok_or_else(|| self.refuse(Wrong::Unknown, &typed))?;
        if self.takes_value(letter) != Some(true) {
            return match attached {
                None => Ok(Word::Flag(letter)),
                Some(_) => Err(self.refuse(Wrong::Valued, &typed)),
            };
        }
        let value = attached.or_else(|| rest.next().cloned());
        let value = value.ok_or_else(|| self.refuse(Wrong::Bare, &typed))?;
        Ok(Word::Value(letter, value))
    }

    /// What a long name stands for; as much of it as tells it from the others is enough.
    fn long_letter(&self, name: &str) -> Option<char> {
        let exact = self.long.iter().find(|(long, _)| *long == name);
        let begin = |(long, _): &&(&str, char)| !name.is_empty() && long.starts_with(name);
        let mut all = self.long.iter().filter(begin);
        let (_, letter) = exact.or_else(|| all.next())?;
        let alone = exact.is_some() || all.all(|(_, other)| other == letter);
        alone.then_some(*letter)
    }

    /// Whether the letter takes a value; nothing if it is no option.
    fn takes_value(&self, letter: char) -> Option<bool> {
        let at = self.letters.find(letter).filter(|_| letter != ':')?;
        Some(self.letters[at + letter.len_utf8()..].starts_with(':'))
    }

    fn refuse(&self, wrong: Wrong, option: &str) -> Refusal {
        let Self { program, usage, .. } = self;
        if self.style == Style::Curl && matches!(wrong, Wrong::Unknown) && is_real(option) {
            let text = format!("{program}: option {option} (not supported here)\n{usage}");
            return Refusal::with_status(self.status, text);
        }
        if self.style == Style::Curl {
            let why = match wrong {
                Wrong::Bare => "requires parameter",
                Wrong::Unknown | Wrong::Valued => "is unknown",
            };
            let there = match wrong {
                Wrong::Bare => "",
                Wrong::Unknown | Wrong::Valued => usage,
            };
            let text = format!("{program}: option {option}: {why}\n{TRY_CURL}{there}");
            return Refusal::with_status(self.status, text);
        }
        let short = option.strip_prefix('-').filter(|it| !it.starts_with('-'));
        let what = match (wrong, short) {
            (Wrong::Unknown, Some(letter)) => format!("invalid option -- '{letter}'"),
            (Wrong::Unknown, None) => format!("unrecognized option '{option}'"),
            (Wrong::Bare, Some(letter)) => format!("option requires an argument -- '{letter}'"),
            (Wrong::Bare, None) => format!("option '{option}' requires an argument"),
            (Wrong::Valued, _) => format!("option '{option}' doesn't allow an argument"),
        };
        let text = format!("{program}: {what} (not supported here)\n{usage}");
        Refusal::with_status(self.status, text)
    }

    /// The complaint about a command line that makes no sense.
    pub(super) fn refuse_usage(&self) -> Refusal {
        Refusal::with_status(self.status, self.usage)
    }
}

/// Behind curl's complaints.
pub(super) const TRY_CURL: &str =
    "curl: try 'curl --help' or 'curl --manual' for more information\n";

/// A number within bounds, as the programs of iputils read it (`strtol_or_err`).
pub(super) fn ranged(
    program: &str,
    text: &str,
    bounds: std::ops::RangeInclusive<i64>,
) -> Result<i64, Refusal> {
    let refuse = |why: String| {
        Refusal::with_status(1, format!("{program}: invalid argument: '{text}'{why}\n"))
    };
    let value: i64 = text.parse().map_err(|_| refuse(String::new()))?;
    if bounds.contains(&value) {
        return Ok(value);
    }
    let (low, high) = (bounds.start(), bounds.end());
    Err(refuse(format!(": out of range: {low} <= value <= {high}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax {
        program: "nc",
        letters: "vzw:",
        long: &[("wait", 'w')],
        usage: "",
        status: 2,
        style: Style::Getopt,
    };

    fn read(line: &str) -> Result<Vec<Word>, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        SYNTAX.read(&words).map_err(|refusal| refusal.text)
    }

    #[test]
    fn values_may_be_attached_apart_or_behind_a_cluster() {
        let value = |text: &str| Word::Value('w', text.to_owned());
        for line in ["-w2", "-w 2", "--wait 2", "--wait=2"] {
            assert_eq!(read(line), Ok(vec![value("2")]), "{line}");
        }
        let clustered = vec![Word::Flag('v'), Word::Flag('z'), value("2")];
        assert_eq!(read("-vzw2"), Ok(clustered));
        let operands = vec![
            Word::Operand("a".to_owned()),
            Word::Flag('z'),
            Word::Operand("-v".to_owned()),
        ];
        assert_eq!(read("a -z -- -v"), Ok(operands));
    }

    #[test]
    fn what_is_not_an_option_is_refused_and_never_skipped() {
        for line in ["-x", "-vx", "-w", "--what", "--wait", "-:"] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
