//! A chapter's text: each directive in a line of its own, outside code blocks, gives way to what it
//! asks for.

use std::path::Path;

use crate::error::BookError;
use crate::stage::Stage;
use crate::{directive, journey, quiz, topology};

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
    Some(directive::parse(inner).and_then(|it| make(&it, page, stage)))
}
