//! Why a book cannot be made.

use std::path::PathBuf;

/// A mistake in the book's sources, or in how the preprocessor was called.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// What mdBook sent is not what its preprocessors are sent.
    #[error("this is not what mdBook sends to a preprocessor: {0}")]
    Protocol(String),
    /// A directive of a chapter.
    #[error("book/src/{}:{line}: `{directive}`: {what}", page.display())]
    Directive {
        /// The chapter's file below `src`.
        page: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// The directive as it stands there.
        directive: String,
        /// What is wrong with it.
        what: String,
    },
}
