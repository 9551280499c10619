//! Clauses that do not say what their author thinks.

use std::fmt;
use std::ops::Range;

use crate::LinkType;

/// What is odd about a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LintKind {
    /// The clause never reads the packet.
    Constant {
        /// What it always is.
        value: bool,
        /// Its comparison in numbers, where it has one: `0x12 != 0`.
        evaluated: Option<String>,
    },
    /// libpcap makes the same program without the clause.
    Redundant,
    /// `tcp[...]` and `udp[...]` read IPv4 packets alone.
    Ipv4Only,
    /// `and` and `or` have the same rank and are taken from left to right.
    MixedAndOr {
        /// The expression with the parentheses that libpcap sees.
        means: String,
    },
}

/// Something odd in an expression that compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// What.
    pub kind: LintKind,
    /// The clause as written.
    pub clause: String,
    /// Where it stands, in octets of the expression.
    pub span: Range<usize>,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clause = &self.clause;
        match &self.kind {
            LintKind::Constant {
                value,
                evaluated: Some(evaluated),
            } => write!(
                f,
                "`{clause}` is a constant: {evaluated} is always {value}; it never reads the packet"
            ),
            LintKind::Constant {
                value,
                evaluated: None,
            } => write!(f, "`{clause}` is always {value}; it never reads the packet"),
            LintKind::Redundant => write!(
                f,
                "`{clause}` changes nothing: libpcap makes the same program without it"
            ),
            LintKind::Ipv4Only => write!(
                f,
                "`{clause}` reads IPv4 packets only; IPv6 packets never match it"
            ),
            LintKind::MixedAndOr { means } => write!(
                f,
                "`and` and `or` have the same rank and are taken from left to right: {means}"
            ),
        }
    }
}

/// Looks for oddities in an expression, in the order of their places. Nothing for one that does not
/// compile.
#[must_use]
pub fn lints(expression: &str, link: LinkType) -> Vec<Lint> {
    crate::clause::lints(expression, link)
}
