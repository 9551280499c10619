//! Words that must not occur: in the core, whatever makes two runs differ; everywhere, whatever
//! turns a user's mistake into a panic or leaves work undone. Looked for in tokens, so comments and
//! strings are free; `todo` notes are looked for in the text.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::source::Source;

/// Folders whose code is a pure function of its inputs.
const CORE: &[&str] = &[
    "crates/model/src/",
    "crates/wire/src/",
    "crates/control/src/",
    "crates/filter/src/",
    "crates/flowlog/src/",
    "crates/shell/src/",
    "simulator/src/",
];

/// Folders whose arithmetic reaches the evidence: rates and windows are integers there.
const NO_FLOATS: &[&str] = &["crates/model/src/", "crates/wire/src/", "simulator/src/"];

/// Folders whose programs speak to people.
const PRINTS: &[&str] = &["crates/cli/", "xtask/"];

const BANNED_IN_CORE: &[(&str, &str)] = &[
    ("HashMap", "its order differs between runs: BTreeMap"),
    ("HashSet", "its order differs between runs: BTreeSet"),
    ("Instant", "time is an argument: SimTime"),
    ("SystemTime", "time is an argument: UnixTime"),
    ("thread", "the core is single-threaded"),
    ("TcpStream", "the core opens no sockets"),
    ("UdpSocket", "the core opens no sockets"),
    ("env", "settings are arguments"),
    ("async", "the core is polled"),
    (
        "skip_serializing_if",
        "a saved world could not be read again",
    ),
    ("untagged", "a saved world could not be read again"),
];

/// `(path, word, reason)`.
const ALLOWED: &[(&str, &str, &str)] = &[];

pub(crate) fn in_the_core(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let within = |folders: &[&str]| folders.iter().any(|f| source.path.starts_with(f));
        each_word(source, &mut |word, line| {
            if within(CORE)
                && let Some((_, why)) = BANNED_IN_CORE.iter().find(|(banned, _)| *banned == word)
            {
                push(&mut found, source, line, word, why);
            }
            if within(NO_FLOATS) && matches!(word, "f32" | "f64") {
                push(
                    &mut found,
                    source,
                    line,
                    word,
                    "integers on the way to evidence",
                );
            }
        });
    }
    found
}

pub(crate) fn everywhere(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        each_word(source, &mut |word, line| match word {
            "unwrap" => push(
                &mut found,
                source,
                line,
                word,
                "return an error, or `expect` why not",
            ),
            "todo" | "unimplemented" => push(&mut found, source, line, word, "no stubs"),
            "println" | "eprintln" | "print"
                if !PRINTS.iter().any(|it| source.path.starts_with(it)) =>
            {
                push(
                    &mut found,
                    source,
                    line,
                    word,
                    "only the cli and xtask print",
                );
            }
            _ => {}
        });
        undone_notes(source, &mut found);
    }
    found
}

fn undone_notes(source: &Source, found: &mut Vec<String>) {
    let notes = [
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("TO", "DO"),
    ];
    for (index, line) in source.text.lines().enumerate() {
        if let Some(note) = notes.iter().find(|note| line.contains(**note)) {
            push(
                found,
                source,
                index + 1,
                note,
                "finish it, or write an issue",
            );
        }
    }
}

fn push(found: &mut Vec<String>, source: &Source, line: usize, word: &str, why: &str) {
    let allowed = ALLOWED
        .iter()
        .any(|(path, allowed, _)| *path == source.path && *allowed == word);
    if !allowed {
        found.push(format!("{}:{line} `{word}`: {why}", source.path));
    }
}

/// Calls `visit` with every identifier of shipped code and its line. Only a call (`unwrap(`) or
/// macro (`todo!`) counts for those that are ordinary words.
fn each_word(source: &Source, visit: &mut dyn FnMut(&str, usize)) {
    for item in source.shipped_items() {
        walk(item.to_token_stream(), visit);
    }
}

fn walk(tokens: TokenStream, visit: &mut dyn FnMut(&str, usize)) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) => {
                let text = word.to_string();
                let next = tokens.peek();
                if counts(&text, next) {
                    visit(&text, word.span().start().line);
                }
            }
            TokenTree::Group(group) => walk(group.stream(), visit),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// `unwrap`, `todo`, `env`, `thread`, `print` are words of their own in other places.
fn counts(word: &str, next: Option<&TokenTree>) -> bool {
    let followed_by =
        |wanted: char| matches!(next, Some(TokenTree::Punct(p)) if p.as_char() == wanted);
    match word {
        "unwrap" => matches!(next, Some(TokenTree::Group(_))),
        "todo" | "unimplemented" | "println" | "eprintln" | "print" => followed_by('!'),
        "env" | "thread" => followed_by(':'),
        _ => true,
    }
}
