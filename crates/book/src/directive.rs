//! `{{#name WORD key=value key="two words"}}`, taken apart.

use std::collections::BTreeMap;

/// A directive of any kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Directive<'t> {
    name: &'t str,
    /// What it is about: a lab, a quiz.
    pub(crate) subject: &'t str,
    keys: BTreeMap<&'t str, &'t str>,
}

/// What is between `{{#` and `}}`; an error says what cannot be read.
pub(crate) fn parse(inner: &str) -> Result<Directive<'_>, String> {
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
