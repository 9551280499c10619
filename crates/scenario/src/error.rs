//! What is wrong with a content file, for its author: where, what, and how to mend it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A content file with its text, shared by everything that points into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path as the author named it.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Arc<Self>, ContentErrors> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => Err(ContentErrors::one(ContentError {
                source: Self::new(path, String::new()),
                span: None,
                message: format!("cannot read the file: {error}"),
                label: String::new(),
                hint: None,
            })),
        }
    }

    /// A text that stands for a file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            text: text.into(),
        })
    }

    /// Line and column of an offset, both from 1; the column counts characters.
    #[must_use]
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// One mistake in a content file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentError {
    /// The file.
    pub source: Arc<Source>,
    /// Where in it, in octets; `None` for the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.source.path.display().to_string();
        let Some(span) = self.span.clone() else {
            write!(f, "error: {}\n  --> {path}", self.message)?;
            return self.write_hint(f);
        };
        let mut annotation = AnnotationKind::Primary.span(span);
        if !self.label.is_empty() {
            annotation = annotation.label(&self.label);
        }
        let report = [Level::ERROR.primary_title(&self.message).element(
            Snippet::source(&self.source.text)
                .path(&path)
                .annotation(annotation),
        )];
        f.write_str(&Renderer::plain().render(&report))?;
        self.write_hint(f)
    }
}

impl ContentError {
    fn write_hint(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Every mistake that was found in one reading, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ContentErrors(Vec<ContentError>);

impl ContentErrors {
    /// One mistake alone.
    #[must_use]
    pub fn one(error: ContentError) -> Self {
        Self(vec![error])
    }

    /// All of them; never empty.
    #[must_use]
    pub fn errors(&self) -> &[ContentError] {
        &self.0
    }

    pub(crate) fn all(mut errors: Vec<ContentError>) -> Self {
        errors.sort_by_key(|error| error.span.as_ref().map(|span| span.start));
        errors.dedup();
        Self(errors)
    }
}

/// The errors one after the other, an empty line between.
impl fmt::Display for ContentErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The candidate that begins with `word` or with which it begins, if there is just one.
fn longer_or_shorter<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let alike = |it: &&&str| it.starts_with(word) || word.starts_with(**it);
    let mut found = candidates.iter().filter(|it| word.len() >= 3 && alike(it));
    found.next().copied().filter(|_| found.next().is_none())
}

/// `did you mean ..?` for the nearest candidate, or the list of all.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let near = nearest(word, candidates.iter().copied());
    if let Some(near) = near.or_else(|| longer_or_shorter(word, &candidates)) {
        return Some(format!("did you mean `{near}`?"));
    }
    let mut known: Vec<String> = Vec::new();
    for candidate in candidates {
        let quoted = format!("`{candidate}`");
        if !known.contains(&quoted) {
            known.push(quoted);
        }
    }
    (!known.is_empty()).then(|| format!("known here: {}", known.join(", ")))
}
