//! Functions of regular expressions. Trino's are Java's; the `regex` crate knows neither
//! look-around nor back-references and says so, but takes time linear in the text.

use std::cell::RefCell;
use std::rc::Rc;

use regex::{Captures, Regex, RegexBuilder};

use super::{Function, functions};
use crate::athena::error::{Checked, Fault};
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "regexp_like(varchar,varchar):boolean" |_, v| {
        Ok(Value::Bool(regex(v[1].text())?.is_match(v[0].text())))
    };
    "regexp_extract(varchar,varchar):varchar" |_, v| extract(v, 0);
    "regexp_extract(varchar,varchar,bigint):varchar" |_, v| extract(v, v[2].int());
    "regexp_extract_all(varchar,varchar):array(varchar)" |_, v| extract_all(v, 0);
    "regexp_extract_all(varchar,varchar,bigint):array(varchar)" |_, v| extract_all(v, v[2].int());
    "regexp_replace(varchar,varchar):varchar" |_, v| {
        Ok(Value::str(regex(v[1].text())?.replace_all(v[0].text(), "").into_owned()))
    };
    "regexp_replace(varchar,varchar,varchar):varchar" |_, v| replace(v);
    "regexp_count(varchar,varchar):bigint" |_, v| {
        Ok(Value::Int(regex(v[1].text())?.find_iter(v[0].text()).count() as i64))
    };
    "regexp_position(varchar,varchar):integer" |_, v| {
        let found = regex(v[1].text())?.find(v[0].text()).map(|found| found.start());
        let place = found.map_or(-1, |at| v[0].text()[..at].chars().count() as i64 + 1);
        Ok(Value::Int(place))
    };
    "regexp_split(varchar,varchar):array(varchar)" |_, v| {
        let regex = regex(v[1].text())?;
        let parts = regex.split(v[0].text()).map(|part| Value::str(part.to_owned()));
        Ok(Value::List(parts.collect()))
    };
};

/// Compiled size that a pattern may take.
const SIZE_MAX: usize = 1 << 20;

thread_local! {
    /// The pattern is the same for all rows of nearly every query.
    static LAST: RefCell<Option<(String, Rc<Regex>)>> = const { RefCell::new(None) };
}

/// The compiled pattern.
pub(in crate::athena) fn regex(pattern: &str) -> Checked<Rc<Regex>> {
    LAST.with_borrow_mut(|last| {
        if let Some((known, regex)) = last
            && known == pattern
        {
            return Ok(Rc::clone(regex));
        }
        let built = RegexBuilder::new(pattern)
            .size_limit(SIZE_MAX)
            .dfa_size_limit(SIZE_MAX)
            .nest_limit(100)
            .build()
            .map_err(|error| {
                let text = error.to_string();
                let last = text
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ");
                Fault::argument(format!("Invalid regular expression '{pattern}': {last}"))
            })?;
        let built = Rc::new(built);
        *last = Some((pattern.to_owned(), Rc::clone(&built)));
        Ok(built)
    })
}

fn group(regex: &Regex, group: i64) -> Checked<usize> {
    let groups = regex.captures_len() - 1;
    let found = usize::try_from(group).ok().filter(|group| *group <= groups);
    found.ok_or_else(|| {
        Fault::argument(format!(
            "Pattern has {groups} groups. Cannot access group {group}"
        ))
    })
}

fn extract<'a>(v: &[Value<'a>], number: i64) -> Checked<Value<'a>> {
    let regex = regex(v[1].text())?;
    let number = group(&regex, number)?;
    let found = regex
        .captures(v[0].text())
        .and_then(|captures| captures.get(number));
    Ok(found.map_or(Value::Null, |found| Value::str(found.as_str().to_owned())))
}

fn extract_all<'a>(v: &[Value<'a>], number: i64) -> Checked<Value<'a>> {
    let regex = regex(v[1].text())?;
    let number = group(&regex, number)?;
    let found = regex.captures_iter(v[0].text()).map(|captures| {
        let text = captures.get(number).map(|found| found.as_str().to_owned());
        text.map_or(Value::Null, Value::str)
    });
    Ok(Value::List(found.collect()))
}

fn replace<'a>(v: &[Value<'a>]) -> Checked<Value<'a>> {
    let regex = regex(v[1].text())?;
    let (text, with) = (v[0].text(), v[2].text());
    let (mut replaced, mut rest) = (String::new(), 0);
    for captures in regex.captures_iter(text) {
        let Some(found) = captures.get(0) else {
            continue;
        };
        replaced.push_str(&text[rest..found.start()]);
        replaced.push_str(&expand(with, &captures)?);
        super::text::bounded_len(replaced.len())?;
        rest = found.end();
    }
    replaced.push_str(&text[rest..]);
    super::text::bounded_len(replaced.len())?;
    Ok(Value::str(replaced))
}

/// `$1` and `${name}` stand for groups, `\` before a character for itself.
fn expand(with: &str, captures: &Captures<'_>) -> Checked<String> {
    let mut text = String::new();
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '$' if chars.peek() == Some(&'{') => {
                let name: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let found = captures.name(&name);
                text.push_str(found.map_or("", |found| found.as_str()));
            }
            '$' => {
                let mut number = None;
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number.unwrap_or(0) * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    number = Some(longer);
                    chars.next();
                }
                let number = number.ok_or_else(|| {
                    Fault::argument(format!("Illegal replacement sequence: {with}"))
                })?;
                text.push_str(captures.get(number).map_or("", |found| found.as_str()));
            }
            c => text.push(c),
        }
    }
    Ok(text)
}
