//! What a shell had before it was given an endpoint, so that it can be given back.
//!
//! `AWS_PROFILE=prod` that is merely taken away leaves the next `aws` on `[default]` of
//! `~/.aws/credentials`: another real account than the one it was on. So the shell carries what it
//! had in a variable, and `wirelab env --stop` puts that back.

use std::collections::BTreeMap;

use super::syntax::Syntax;

/// The variable that carries it, as JSON.
pub(crate) const BEFORE: &str = "WIRELAB_BEFORE";

/// Variables of others that an endpoint changes and that do not begin with `AWS_`.
const OTHERS: [&str; 3] = ["NO_PROXY", "no_proxy", "BASH_ENV"];

/// Variables and their values.
pub(crate) type Before = BTreeMap<String, String>;

/// What this process's shell had: what it carries, or, if it has no endpoint, what it has.
pub(crate) fn text() -> String {
    if let Ok(text) = std::env::var(BEFORE) {
        return text;
    }
    let ours = |name: &str| name.starts_with("AWS_") || OTHERS.contains(&name);
    let set = std::env::vars_os().filter_map(|(name, value)| {
        // A value that is no text cannot be given back, and no AWS client takes one.
        let name = name.into_string().ok().filter(|it| ours(it))?;
        Some((name, value.into_string().ok()?))
    });
    let set: Before = set.collect();
    serde_json::to_string(&set).unwrap_or_default()
}

/// What this process's shell carries; `None`: it was not given an endpoint by `wirelab env`.
pub(crate) fn carried() -> Option<Before> {
    serde_json::from_str(&std::env::var(BEFORE).ok()?).ok()
}

/// Lines that put `before` back in place of an endpoint's variables.
pub(crate) fn restored(syntax: Syntax, before: &Before) -> String {
    let mut text = syntax.unset_all("AWS_") + &syntax.unset_all("WIRELAB_ENDPOINT");
    text += &syntax.unset(&[BEFORE]);
    for name in OTHERS.iter().filter(|it| !before.contains_key(**it)) {
        text += &syntax.unset(&[name]);
    }
    let exports = before
        .iter()
        .map(|(name, value)| syntax.export(name, value));
    text.extend(exports);
    text + &syntax.give_back()
}
