//! Names of files: a field with `*`, `?` or `[` stands for the files that fit it.

use super::{escaped, fields::Field};
use crate::question::Kind;
use crate::run::{Flow, Interpreter};

impl Interpreter<'_> {
    /// The files that a field stands for; nothing where it is what it is.
    pub(super) fn names(&mut self, field: &Field) -> Flow<Option<Vec<String>>> {
        let is_pattern = |it: &(String, bool)| !it.1 && it.0.contains(['*', '?', '[']);
        if self.state.options.noglob || !field.0.iter().any(is_pattern) {
            return Ok(None);
        }
        let part = |(text, quoted): &(String, bool)| match quoted {
            true => escaped(text),
            false => text.clone(),
        };
        let pattern: String = field.0.iter().map(part).collect();
        let absolute = pattern.starts_with('/');
        let mut found = vec![if absolute {
            "/".to_owned()
        } else {
            String::new()
        }];
        let parts = pattern.split('/').filter(|it| !it.is_empty());
        for part in parts {
            let mut next = Vec::new();
            for before in found {
                let slash = if before.is_empty() || before.ends_with('/') {
                    ""
                } else {
                    "/"
                };
                if !part.contains(['*', '?', '[']) {
                    let path = format!("{before}{slash}{}", part.replace('\\', ""));
                    if self.stat(&path)?.is_some() {
                        next.push(path);
                    }
                    continue;
                }
                let place = if before.is_empty() { "." } else { &before };
                let names = self.names_in(place)?;
                for name in names {
                    let hidden = name.starts_with('.') && !part.starts_with('.');
                    if !hidden && self.fits(part, &name)? {
                        next.push(format!("{before}{slash}{name}"));
                    }
                }
            }
            found = next;
        }
        // `*/` stands for directories.
        if pattern.ends_with('/') {
            let mut directories = Vec::new();
            for path in found {
                if self.stat(&path)? == Some(Kind::Directory) {
                    directories.push(path + "/");
                }
            }
            found = directories;
        }
        Ok(match found.is_empty() {
            true if self.state.options.nullglob => Some(found),
            true => None,
            false => Some(found),
        })
    }
}
