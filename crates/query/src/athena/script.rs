//! Several statements in one text. Athena itself takes one at a time.

use super::error::AthenaError;
use super::token::{Kind, tokens};

/// The statements of a text, cut at every `;` that is not in quotes or a comment; what holds none
/// is left out. Each has blanks in place of what stands before it, so that errors name the place in
/// the whole text.
///
/// # Errors
/// [`AthenaError::Malformed`] if a quote or a comment is not closed.
pub fn statements(text: &str) -> Result<Vec<String>, AthenaError> {
    let tokens = tokens(text).map_err(|fault| fault.into_error(text))?;
    let mut statements = Vec::new();
    let (mut start, mut empty) = (0, true);
    for token in &tokens {
        let ends = token.kind == Kind::End || &text[token.start..token.end] == ";";
        if !ends {
            empty = false;
            continue;
        }
        if !empty {
            let before = text[..start].chars();
            let before = before.map(|c| if c == '\n' { '\n' } else { ' ' });
            statements.push(before.chain(text[start..token.start].chars()).collect());
        }
        (start, empty) = (token.end, true);
    }
    Ok(statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_semicolons_that_are_not_quoted() {
        let text = "-- first; of two\nSELECT ';', \"a;b\";\n;SELECT `c;` /* ; */ ";
        let found = statements(text).expect("closed quotes");
        let found: Vec<&str> = found.iter().map(|it| it.trim()).collect();
        assert_eq!(
            found,
            [
                "-- first; of two\nSELECT ';', \"a;b\"",
                "SELECT `c;` /* ; */"
            ]
        );
    }

    #[test]
    fn a_statement_knows_its_line() {
        let found = statements("SELECT 1;\n  SELECT é;").expect("closed quotes");
        assert_eq!(found[1], "         \n  SELECT é");
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_place() {
        let error = statements("SELECT 1;\nSELECT 'a").expect_err("open");
        assert!(error.to_string().starts_with("line 2:8:"), "{error}");
    }
}
