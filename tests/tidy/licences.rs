//! Every dependency's licence is one that `deny.toml` allows. `cargo deny` knows more (it reads the
//! licence texts); this needs nothing installed.

use serde_json::Value;

use crate::edges::metadata;
use crate::source::root;

pub(crate) fn violations() -> Vec<String> {
    let allowed = quoted_after("allow = [");
    let excepted = quoted_after("exceptions = [");
    let host = host_triple();
    let metadata = metadata(&["--locked", "--filter-platform", &host]);
    let packages = metadata["packages"].as_array().expect("packages");
    let foreign = packages
        .iter()
        .filter(|package| !package["source"].is_null());
    let refused = foreign.filter_map(|package| refused(package, &allowed));
    let excused = |line: &String| {
        let mut names = excepted.iter();
        names.any(|name| line.starts_with(&format!("{name}:")))
    };
    refused.filter(|line| !excused(line)).collect()
}

fn refused(package: &Value, allowed: &[String]) -> Option<String> {
    let name = package["name"].as_str().expect("a name");
    let Some(licence) = package["license"].as_str() else {
        return Some(format!("{name}: states no licence"));
    };
    (!satisfied(licence, allowed)).then(|| format!("{name}: `{licence}`"))
}

/// Whether an SPDX expression can be met. `/` is the old way to write OR.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allowed) && rest.is_empty()
}

fn any(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut met = all(words, allowed);
    while take(words, "OR") {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while take(words, "AND") {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut &[&str], allowed: &[String]) -> bool {
    if take(words, "(") {
        let met = any(words, allowed);
        return take(words, ")") && met;
    }
    let Some((licence, rest)) = words.split_first() else {
        return false;
    };
    *words = rest;
    let mut name = (*licence).to_owned();
    if take(words, "WITH")
        && let Some((exception, rest)) = words.split_first()
    {
        *words = rest;
        // An exception grants more than the licence alone.
        if !allowed.contains(&name) {
            name = format!("{name} WITH {exception}");
        }
    }
    allowed.contains(&name)
}

fn take(words: &mut &[&str], wanted: &str) -> bool {
    let found = words.first() == Some(&wanted);
    if found {
        *words = &words[1..];
    }
    found
}

/// The quoted words of the list that begins with `head` in `deny.toml`, up to its `]` in a line
/// of its own.
fn quoted_after(head: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let list = text
        .split(&format!("\n{head}"))
        .nth(1)
        .and_then(|rest| rest.split("\n]").next());
    let quoted = list.expect("the list").split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

fn host_triple() -> String {
    let output = std::process::Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says its host").to_owned()
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT".to_owned(), "Zlib".to_owned()];
    for met in [
        "MIT",
        "MIT/GPL-3.0",
        "(MIT OR GPL-2.0) AND Zlib",
        "MIT WITH x OR GPL-3.0",
    ] {
        assert!(satisfied(met, &allowed), "{met}");
    }
    for refused in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "",
        "(MIT",
        "CC0-1.0 OR Unlicense",
    ] {
        assert!(!satisfied(refused, &allowed), "{refused}");
    }
}
