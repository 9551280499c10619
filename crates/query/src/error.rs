//! What can be wrong with a query, and where.

use std::fmt;

use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;

/// A part of the query's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// First character, counted from 0 over the whole query; `startCharOffset` of the API.
    pub start: usize,
    /// The character after the last; `endCharOffset` of the API.
    pub end: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column of `start` in that line, from 1.
    pub column: usize,
    /// The text of that line.
    pub text: String,
}

impl Place {
    /// The place of the bytes `start..end` in `query`.
    pub(crate) fn new(query: &str, start: usize, end: usize) -> Self {
        let start = floor_char(query, start);
        let end = floor_char(query, end.max(start));
        let line_start = query[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = query[start..].find('\n').map_or(query.len(), |n| start + n);
        let chars = |text: &str| text.chars().count();
        Self {
            start: chars(&query[..start]),
            end: chars(&query[..end]),
            line: query[..start].matches('\n').count() + 1,
            column: chars(&query[line_start..start]) + 1,
            text: query[line_start..line_end]
                .trim_end_matches('\r')
                .to_owned(),
        }
    }
}

/// Characters of a line that are shown, and how many of them stand before the place.
const SHOWN: usize = 120;
const BEFORE: usize = 50;
/// So few more are shown rather than left out.
const SPARED: usize = 20;

impl Place {
    /// The part of a long line around the place, and the column of the place in it.
    fn window(&self) -> (String, usize) {
        let count = self.text.chars().count();
        if count <= SHOWN + SPARED {
            return (self.text.clone(), self.column);
        }
        let first = (self.column - 1).saturating_sub(BEFORE).min(count - SHOWN);
        let part = self.text.chars().skip(first).take(SHOWN);
        let before = if first > 0 { "…" } else { "" };
        let after = if first + SHOWN < count { "…" } else { "" };
        let column = self.column - first + before.chars().count();
        (
            format!("{before}{}{after}", part.collect::<String>()),
            column,
        )
    }
}

fn floor_char(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The line with carets under the place:
///
/// ```text
///   --> query:1:9
///    |
///  1 | fields srcAddr dstAddr
///    |                ^^^^^^^
/// ```
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let bar = " ".repeat(number.len());
        let (text, column) = self.window();
        let room = (text.chars().count() + 1).saturating_sub(column);
        let carets = (self.end - self.start).clamp(1, room.max(1));
        let pad: String = text.chars().take(column - 1).map(blank).collect();
        writeln!(f, " {bar}--> query:{number}:{}", self.column)?;
        writeln!(f, " {bar} |")?;
        writeln!(f, " {number} | {text}")?;
        write!(f, " {bar} | {pad}{}", "^".repeat(carets))
    }
}

/// Tabs stay tabs, so that the caret stands under its character.
fn blank(c: char) -> char {
    if c == '\t' { '\t' } else { ' ' }
}

/// Why a query has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Not Insights QL; `MalformedQueryException` of the API.
    #[error("{message}")]
    Malformed {
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
        /// What to write instead.
        hint: Option<String>,
    },
    /// Insights QL that this engine does not answer.
    #[error("{what} is not supported here")]
    Unsupported {
        /// The command, function or form.
        what: String,
        /// Where.
        place: Place,
        /// What does the same.
        hint: Option<String>,
    },
    /// A parameter other than the query is out of range; `InvalidParameterException` of the API.
    #[error("{0}")]
    InvalidParameter(String),
    /// The query needs more than a query may have.
    #[error("{0}")]
    TooLarge(String),
    /// A file that the query reads is damaged, or cannot be read to its end.
    #[error("{0}")]
    Unreadable(String),
    /// Our own bug, or DataFusion's.
    #[error("internal error of the query engine: {0}")]
    Internal(String),
}

/// An error as a terminal shows it: message, line with carets, hint; no line end.
pub(crate) fn report(
    error: &dyn fmt::Display,
    place: Option<&Place>,
    hint: Option<&str>,
) -> String {
    let mut report = format!("error: {error}");
    if let Some(place) = place {
        report.push_str(&format!("\n{place}"));
    }
    if let Some(hint) = hint {
        report.push_str(&format!("\n\nhint: {hint}"));
    }
    report
}

/// What is wrong with a file, if that is what the error is about.
pub(crate) fn damage(error: &DataFusionError) -> Option<String> {
    match error {
        // Not every context is a file: a rule of the optimizer gives its errors one too.
        DataFusionError::Context(file, inner) => {
            let reason = match &**inner {
                DataFusionError::Execution(reason) => reason.clone(),
                inner => damage(inner)?,
            };
            Some(format!("{file}: {reason}"))
        }
        DataFusionError::Shared(inner) => damage(inner),
        DataFusionError::ParquetError(error) => Some(error.to_string()),
        // A page that cannot be unpacked or decoded.
        DataFusionError::ArrowError(error, _) => match &**error {
            ArrowError::ParquetError(reason) => Some(
                reason
                    .strip_prefix("External: ")
                    .unwrap_or(reason)
                    .to_owned(),
            ),
            _ => None,
        },
        DataFusionError::ObjectStore(error) => Some(error.to_string()),
        DataFusionError::IoError(error) => Some(error.to_string()),
        _ => None,
    }
}

impl QueryError {
    /// Where in the query, if it is the query's fault.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Malformed { place, .. } | Self::Unsupported { place, .. } => Some(place),
            Self::InvalidParameter(_)
            | Self::TooLarge(_)
            | Self::Unreadable(_)
            | Self::Internal(_) => None,
        }
    }

    /// What to write instead, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Malformed { hint, .. } | Self::Unsupported { hint, .. } => hint.as_deref(),
            Self::InvalidParameter(_)
            | Self::TooLarge(_)
            | Self::Unreadable(_)
            | Self::Internal(_) => None,
        }
    }

    /// The whole report for a terminal: message, line with carets, hint; no line end.
    #[must_use]
    pub fn report(&self) -> String {
        report(self, self.place(), self.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let query = format!("{}HERE{}", "a ".repeat(200), " b".repeat(200));
        let shown = Place::new(&query, 400, 404).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "  --> query:1:401");
        assert!(
            lines.iter().all(|line| line.chars().count() < 130),
            "{shown}"
        );
        let column = |line: &str, what: &str| line.find(what).map(|at| line[..at].chars().count());
        assert_eq!(column(lines[2], "HERE"), column(lines[3], "^^^^"));
        assert!(
            lines[2].contains("| …") && lines[2].ends_with('…'),
            "{shown}"
        );
    }
}
