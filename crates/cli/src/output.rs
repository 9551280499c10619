//! What goes to stdout: text, or JSON with a version.

use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::wrap;

/// Version of the JSON that `--json` prints; raised when a member changes or goes.
const SCHEMA_VERSION: u32 = 1;

/// Prints text to stdout, without styles where nobody would see them.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    Ok(anstream::stdout().lock().write_all(text.as_bytes())?)
}

/// Prints text to stdout; on a terminal its lines are broken at columns and words.
pub(crate) fn page(text: &str) -> Result<(), Failure> {
    self::text(&wrap::to_terminal(text))
}

/// Prints a page that was written for long lines; on a terminal its paragraphs fit.
pub(crate) fn ticket(page: &str) -> Result<(), Failure> {
    text(&wrap::page_to_terminal(page))
}

/// Prints data: byte for byte to a file or a pipe; on a terminal, which control characters in it
/// would steer, with those made visible.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    if stdout.is_terminal() {
        return Ok(stdout.write_all(wirelab_query::visible(text).as_bytes())?);
    }
    Ok(stdout.write_all(text.as_bytes())?)
}

/// Prints talk to stderr.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{}", spoken(text, std::io::stderr().is_terminal()));
}

/// Talk may quote a log or the name of a file: on a terminal, which control characters would steer,
/// with those made visible. Tabs stay, since marks below a quoted line count on them.
pub(crate) fn spoken(text: &str, on_terminal: bool) -> String {
    if !on_terminal {
        return text.to_owned();
    }
    let parts: Vec<String> = text.split('\t').map(wirelab_query::visible).collect();
    parts.join("\t")
}

/// Prints `value`, which must serialise to an object, with `schema_version` before its members.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let printed = json_text(value)?;
    Ok(std::io::stdout().lock().write_all(printed.as_bytes())?)
}

/// What [`json`] prints.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    let value = serde_json::to_value(value).map_err(Failure::internal)?;
    let mut object = Map::new();
    object.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
    match value {
        Value::Object(members) => object.extend(members),
        other => {
            object.insert("items".to_owned(), other);
        }
    }
    let mut printed = serde_json::to_string_pretty(&object).map_err(Failure::internal)?;
    printed.push('\n');
    Ok(printed)
}

/// Prints what a program on a simulated host wrote to its stderr.
pub(crate) fn error_text(text: &str) {
    anstream::eprint!("{text}");
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn on_a_terminal_what_is_quoted_steers_nothing() {
        let quoted = "no records in d\u{1b}[31mx.log\n\t^";
        assert_eq!(spoken(quoted, true), "no records in d\\u001b[31mx.log\n\t^");
        assert_eq!(spoken(quoted, false), quoted);
    }
}
