//! mdBook's side: `[context, book]` comes as JSON, the book goes back.
//!
//! Both forms of the protocol are read: the chapters are `items` since mdBook 0.5, `sections`
//! before. Whatever else is in a chapter stays as it is.

use std::path::{Path, PathBuf};

use serde_json::Value;
use wirelab_session::Content;

use crate::chapter::expand;
use crate::error::BookError;
use crate::stage::Stage;

/// Does what chapters ask for: gives the book that mdBook wants back for the JSON that it sent.
/// Labs and scenarios are `content`'s; quizzes lie in `quizzes` below the book's root.
///
/// # Errors
/// A text that is not what mdBook sends; the first directive that means nothing.
pub fn preprocess(input: &str, content: Content) -> Result<String, BookError> {
    let protocol = |error: serde_json::Error| BookError::Protocol(error.to_string());
    let sent: Value = serde_json::from_str(input).map_err(protocol)?;
    let Value::Array(pair) = sent else {
        return Err(BookError::Protocol("no array".to_owned()));
    };
    let Ok([context, mut book]) = <[Value; 2]>::try_from(pair) else {
        return Err(BookError::Protocol("no pair".to_owned()));
    };
    let Some(root) = context["root"].as_str() else {
        return Err(BookError::Protocol("the context has no `root`".to_owned()));
    };
    let mut stage = Stage::new(content, Path::new(root).join("quizzes"));
    for list in ["items", "sections"] {
        walk(&mut book[list], &mut stage)?;
    }
    // Looking for a list that is not there has made a null of it.
    if let Value::Object(members) = &mut book {
        members.retain(|_, value| !value.is_null());
    }
    serde_json::to_string(&book).map_err(protocol)
}

/// Every chapter of a list, and those below it.
fn walk(items: &mut Value, stage: &mut Stage) -> Result<(), BookError> {
    for item in items.as_array_mut().into_iter().flatten() {
        let Some(chapter) = item.get_mut("Chapter") else {
            continue;
        };
        if let Some(text) = chapter["content"].as_str() {
            let page = PathBuf::from(chapter["path"].as_str().unwrap_or_default());
            let text = expand(text, &page, stage)?;
            chapter["content"] = text.into();
        }
        walk(&mut chapter["sub_items"], stage)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content() -> Content {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Content::find(here).expect("the repository has labs")
    }

    #[test]
    fn chapters_of_both_protocols_come_back_with_everything_else_untouched() {
        for list in ["items", "sections"] {
            let chapter = json!({"Chapter": {
                "name": "One", "content": "# One\n", "path": "one.md", "number": [1],
                "sub_items": [{"Chapter": {"content": "text", "path": null, "sub_items": []}}],
            }});
            let book = json!({list: [chapter, "Separator", {"PartTitle": "Two"}]});
            let sent = json!([{"root": "book", "mdbook_version": "0.5.2"}, book]).to_string();
            let back = preprocess(&sent, content()).expect("a book without directives");
            assert_eq!(serde_json::from_str::<Value>(&back).expect("JSON"), book);
        }
    }

    #[test]
    fn a_directive_without_meaning_names_page_and_line() {
        let chapter = json!({"Chapter": {
            "content": "# One\n\n{{#topology no-such-lab}}\n", "path": "a/one.md", "sub_items": [],
        }});
        let sent = json!([{"root": "book"}, {"items": [chapter]}]).to_string();
        let said = preprocess(&sent, content())
            .expect_err("no such lab")
            .to_string();
        assert!(
            said.starts_with("book/src/a/one.md:3: `{{#topology no-such-lab}}`"),
            "{said}"
        );
    }
}
