//! Command lines as `getopt_long` reads them: clustered letters, values attached or apart, options
//! before and after operands, `--` before operands that look like options.

use super::Refusal;

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

    fn cluster(
        &self,
        cluster: &str,
        rest: &mut std::slice::Iter<'_, String>,
        words: &mut Vec<Word>,
    ) -> Result<(), Refusal> {
        for (at, letter) in cluster.char_indices() {
            match self.takes_value(letter) {
                None => return Err(self.refuse(&format!("invalid option -- '{letter}'"))),
                Some(false) => words.push(Word::Flag(letter)),
                Some(true) => {
                    let attached = &cluster[at + letter.len_utf8()..];
                    let value = if attached.is_empty() {
                        rest.next().cloned()
                    } else {
                        Some(attached.to_owned())
                    };
                    let value = value.ok_or_else(|| {
                        self.refuse(&format!("option requires an argument -- '{letter}'"))
                    })?;
                    words.push(Word::Value(letter, value));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn long(&self, text: &str, rest: &mut std::slice::Iter<'_, String>) -> Result<Word, Refusal> {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let known = self.long.iter().find(|(long, _)| *long == name);
        let (_, letter) =
            known.ok_or_else(|| self.refuse(&format!("unrecognized option '--{name}'")))?;
        if self.takes_value(*letter) != Some(true) {
            return match attached {
                None => Ok(Word::Flag(*letter)),
                Some(_) => {
                    Err(self.refuse(&format!("option '--{name}' doesn't allow an argument")))
                }
            };
        }
        let value = attached.or_else(|| rest.next().cloned());
        let value =
            value.ok_or_else(|| self.refuse(&format!("option '--{name}' requires an argument")))?;
        Ok(Word::Value(*letter, value))
    }

    /// Whether the letter takes a value; nothing if it is no option.
    fn takes_value(&self, letter: char) -> Option<bool> {
        let at = self.letters.find(letter).filter(|_| letter != ':')?;
        Some(self.letters[at + letter.len_utf8()..].starts_with(':'))
    }

    fn refuse(&self, what: &str) -> Refusal {
        let Self { program, usage, .. } = self;
        Refusal::usage(format!("{program}: {what} (not supported here)\n{usage}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax {
        program: "nc",
        letters: "vzw:",
        long: &[("wait", 'w')],
        usage: "",
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
