//! Why an expression is no filter, with what was probably meant.

use std::ops::Range;

use wirelab_wire::link::LinkType;

use crate::filter::MAX_TOKENS;

/// Why an expression was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A word that libpcap would look up as a host or network name.
    #[error("`{name}` is no keyword of pcap-filter, and names are not looked up")]
    Name {
        /// The word.
        name: String,
        /// Where it stands, in octets of the expression.
        span: Range<usize>,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// libpcap refused the expression.
    #[error("{message}")]
    Refused {
        /// libpcap's message.
        message: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// libpcap found that no packet can match.
    #[error("no packet can match: the conditions exclude each other")]
    RejectsAll {
        /// Why that is so easily written.
        hint: String,
    },
    /// Longer than anything a person writes, or nested deeper.
    #[error("expression is too long or too deep; {MAX_TOKENS} words and operators are the limit")]
    TooLong,
    /// libpcap has no code generator for the link type.
    #[error("filters for link type `{0}` are not supported")]
    LinkType(LinkType),
}

impl FilterError {
    /// What was probably meant, for people.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Name { hint, .. } | Self::Refused { hint, .. } => hint.as_deref(),
            Self::RejectsAll { hint } => Some(hint),
            Self::TooLong | Self::LinkType(_) => None,
        }
    }

    /// The place of the error in the expression, where it is known.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Name { span, .. } => Some(span.clone()),
            _ => None,
        }
    }
}
