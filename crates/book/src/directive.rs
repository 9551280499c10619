//! `{{#name WORD key=value key="two words"}}` in a line of its own, outside code blocks.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::BookError;
use crate::stage::Stage;
use crate::{journey, quiz, topology};

/// A directive, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Directive<'t> {
    name: &'t str,
    /// What it is about: a lab, a quiz.
    pub(crate) subject: &'t str,
    keys: BTreeMap<&'t str, &'t str>,
}

/// Replaces every directive of a chapter; `page` is its path below the book's `src`.
///
/// # Errors
/// The first directive that means nothing. Names that are not ours are left alone: they are other
/// preprocessors'.
pub fn expand(text: &str, page: &Path, stage: &mut Stage) -> Result<String, BookError> {
    let mut fence: Option<&str> = None;
    let mut expanded = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|it| bare.starts_with(it));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark && bare.chars().all(|c| mark.contains(c)) => {
                fence = None;
            }
            _ => {}
        }
        let made = if fence.is_none() {
            one(bare, page, stage)
        } else {
            None
        };
        match made {
            None => expanded += line,
            Some(Ok(made)) => expanded += &format!("{}\n", made.trim_end()),
            Some(Err(what)) => {
                return Err(BookError::Directive {
                    page: page.to_owned(),
                    line: index + 1,
                    directive: bare.to_owned(),
                    what,
                });
            }
        }
    }
    Ok(expanded)
}

/// What stands in place of a line; `None` if it is no directive of ours.
fn one(line: &str, page: &Path, stage: &mut Stage) -> Option<Result<String, String>> {
    let inner = line.strip_prefix("{{#")?.strip_suffix("}}")?;
    let make = match inner.split_whitespace().next()? {
        "topology" => topology::directive,
        "journey" => journey::directive,
        "quiz" => quiz::directive,
        _ => return None,
    };
    Some(parse(inner).and_then(|it| make(&it, page, stage)))
}

fn parse(inner: &str) -> Result<Directive<'_>, String> {
    let mut words = words(inner)?.into_iter();
    let name = words.next().unwrap_or_default();
    let subject = words.next().ok_or("what is it about?")?;
    let mut keys = BTreeMap::new();
    for word in words {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` is no key=value"))?;
        let value = value
            .strip_prefix('"')
            .and_then(|it| it.strip_suffix('"'))
            .unwrap_or(value);
        if keys.insert(key, value).is_some() {
            return Err(format!("`{key}` stands there twice"));
        }
    }
    Ok(Directive {
        name,
        subject,
        keys,
    })
}

/// Splits at white space outside quotes.
fn words(text: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        quoted ^= c == '"';
        match (start, c.is_whitespace() && !quoted) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                words.push(&text[from..at]);
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| &text[from..]));
    if quoted {
        Err("a quote is not closed".to_owned())
    } else {
        Ok(words)
    }
}

impl Directive<'_> {
    /// Refuses keys that nobody asks for.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.keys.keys().find(|key| !known.contains(*key)) {
            Some(key) => Err(format!(
                "`{key}`: `{}` knows {}",
                self.name,
                known.join(", ")
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(key).copied()
    }

    pub(crate) fn need(&self, key: &str) -> Result<&str, String> {
        self.get(key).ok_or_else(|| format!("`{key}=` is missing"))
    }

    /// The seed, which everything that is drawn needs: a picture shows one run, and says which.
    pub(crate) fn seed(&self) -> Result<u64, String> {
        self.need("seed")?;
        self.read("seed", 0)
    }

    /// The value of a key, read as what it is; `default` if the key is not there.
    pub(crate) fn read<T: std::str::FromStr>(&self, key: &str, default: T) -> Result<T, String> {
        match self.get(key) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("`{key}={text}` cannot be read")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keys_and_quotes_are_told_apart() {
        let read = parse(r#"journey lab from=a caption="two words" to=b:1/tcp"#).expect("fine");
        assert_eq!((read.name, read.subject), ("journey", "lab"));
        assert_eq!(read.get("caption"), Some("two words"));
        assert_eq!(read.need("to"), Ok("b:1/tcp"));
        assert!(read.only(&["from", "to"]).is_err());
        assert!(parse(r#"journey lab from="a"#).is_err());
        assert!(parse("journey lab from=a from=b").is_err());
        assert!(parse("journey").is_err());
    }
}
