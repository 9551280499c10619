//! What can be wrong with a statement: Athena's texts, and where.
//!
//! Inside the module a mistake is a `Fault`, which knows a byte of the statement; at the border it
//! becomes an [`AthenaError`] with line and column, since only there is the whole text at hand.

use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;

use crate::error::{Place, damage, report};

/// Why a statement has no answer. `Display` is Athena's text (`StateChangeReason`, or the message
/// of the exception that `StartQueryExecution` throws).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AthenaError {
    /// No statement of the language: `InvalidRequestException` with the code `MALFORMED_QUERY`.
    #[error("line {}:{}: {message}", place.line, place.column)]
    Malformed {
        /// What is wrong, without the place.
        message: String,
        /// Where.
        place: Place,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A query that cannot be planned or that fails on some row; the state `FAILED`.
    #[error("{}", failed_text(code, message, place.as_ref()))]
    Failed {
        /// Trino's error code, such as `TYPE_MISMATCH`.
        code: &'static str,
        /// What is wrong, without code and place.
        message: String,
        /// Where, if it is about a part of the text.
        place: Option<Place>,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A DDL statement that cannot be read, or that the catalog refuses; the text begins with
    /// `FAILED:` as Hive's does.
    #[error("{}", ddl_text(message, place.as_ref()))]
    Ddl {
        /// What is wrong, without `FAILED:` and the place.
        message: String,
        /// Where, if the statement cannot be read.
        place: Option<Place>,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A limit of [`Limits`](crate::athena::Limits) is exceeded that is counted: the same statement
    /// over the same data exceeds it anywhere.
    #[error("{0}")]
    Limit(String),
    /// The statement was stopped, by [`Limits::time`](crate::athena::Limits::time) or by somebody:
    /// on another machine, or another day, it may have an answer.
    #[error("{0}")]
    Timeout(String),
    /// Our own bug, or DataFusion's.
    #[error("internal error of the query engine: {0}")]
    Internal(String),
}

fn failed_text(code: &str, message: &str, place: Option<&Place>) -> String {
    match place {
        Some(place) => format!("{code}: line {}:{}: {message}", place.line, place.column),
        None => format!("{code}: {message}"),
    }
}

fn ddl_text(message: &str, place: Option<&Place>) -> String {
    match place {
        Some(place) => {
            let (line, column) = (place.line, place.column);
            format!("FAILED: ParseException line {line}:{column} {message}")
        }
        None => format!("FAILED: {message}"),
    }
}

impl AthenaError {
    /// Where in the statement, if that is known.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Malformed { place, .. } => Some(place),
            Self::Failed { place, .. } | Self::Ddl { place, .. } => place.as_ref(),
            Self::Limit(_) | Self::Timeout(_) | Self::Internal(_) => None,
        }
    }

    /// What to write instead, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Malformed { hint, .. } | Self::Failed { hint, .. } | Self::Ddl { hint, .. } => {
                hint.as_deref()
            }
            Self::Limit(_) | Self::Timeout(_) | Self::Internal(_) => None,
        }
    }

    /// The whole report for a terminal: Athena's text, the line with carets, hint; no line end.
    #[must_use]
    pub fn report(&self) -> String {
        report(self, self.place(), self.hint())
    }
}

/// A mistake at a byte of the statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) at: Option<usize>,
    pub(super) hint: Option<String>,
}

/// The code of what is no statement at all.
pub(super) const SYNTAX: &str = "SYNTAX_ERROR";
/// The code of what only a DDL statement meets; its text is printed alone.
pub(super) const DDL: &str = "DDL";
/// The code of an exceeded limit.
pub(super) const LIMIT: &str = "LIMIT";
/// The code of what was stopped.
pub(super) const TIMEOUT: &str = "TIMEOUT";
/// The code of our own bugs.
pub(super) const INTERNAL: &str = "INTERNAL";

/// Between a row's fault and the driver stands DataFusion, which carries texts: this marks ours.
const MARK: char = '\u{1}';
/// Every code that a fault can have while DataFusion runs a plan.
const ROW_CODES: &[&str] = &[
    "DIVISION_BY_ZERO",
    "HIVE_BAD_DATA",
    "HIVE_FILESYSTEM_ERROR",
    "HIVE_INVALID_PARTITION_VALUE",
    "INVALID_CAST_ARGUMENT",
    "INVALID_FUNCTION_ARGUMENT",
    "INVALID_TABLE_PROPERTY",
    "NUMERIC_VALUE_OUT_OF_RANGE",
    "NOT_SUPPORTED",
    "SUBQUERY_MULTIPLE_ROWS",
    "CONSTRAINT_VIOLATION",
    LIMIT,
    TIMEOUT,
    DDL,
];

impl Fault {
    pub(super) fn new(code: &'static str, at: usize, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at: Some(at),
            hint: None,
        }
    }

    /// One of no place.
    pub(super) fn bare(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at: None,
            hint: None,
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong with an argument's value.
    pub(super) fn argument(message: impl Into<String>) -> Self {
        Self::bare("INVALID_FUNCTION_ARGUMENT", message)
    }

    /// A value that is not of the type it is cast to.
    pub(super) fn cast(message: impl Into<String>) -> Self {
        Self::bare("INVALID_CAST_ARGUMENT", message)
    }

    /// What the catalog refuses.
    pub(super) fn ddl(message: impl Into<String>) -> Self {
        Self::bare(DDL, message)
    }

    /// A value beyond its type.
    pub(super) fn range(message: impl Into<String>) -> Self {
        Self::bare("NUMERIC_VALUE_OUT_OF_RANGE", message)
    }

    /// With line and column in `query`.
    pub(super) fn into_error(self, query: &str) -> AthenaError {
        let Self {
            code,
            message,
            at,
            hint,
        } = self;
        let place = at.map(|at| Place::new(query, at, word_end(query, at)));
        match (code, place) {
            (DDL, place) => AthenaError::Ddl {
                message,
                place,
                hint,
            },
            (LIMIT, _) => AthenaError::Limit(message),
            (TIMEOUT, _) => AthenaError::Timeout(message),
            (INTERNAL, _) => AthenaError::Internal(message),
            (SYNTAX, place) => AthenaError::Malformed {
                message,
                place: place.unwrap_or_else(|| Place::new(query, 0, 0)),
                hint,
            },
            (code, place) => AthenaError::Failed {
                code,
                message,
                place,
                hint,
            },
        }
    }
}

/// The end of the word or sign that begins at `at`.
fn word_end(query: &str, at: usize) -> usize {
    let rest = query.get(at..).unwrap_or_default();
    let word = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    at + word.max(rest.chars().next().map_or(0, char::len_utf8))
}

impl From<Fault> for DataFusionError {
    fn from(fault: Fault) -> Self {
        let at = fault.at.map_or(String::new(), |at| at.to_string());
        let text = format!(
            "{MARK}{}{MARK}{at}{MARK}{}{MARK}",
            fault.code, fault.message
        );
        Self::Execution(text)
    }
}

impl From<DataFusionError> for Fault {
    fn from(error: DataFusionError) -> Self {
        if let DataFusionError::ResourcesExhausted(_) = error.find_root() {
            return Self::bare(
                LIMIT,
                "Query exhausted resources at this scale factor: it needs more memory than it may use",
            );
        }
        let text = error.strip_backtrace();
        let parts: Vec<&str> = text.split(MARK).collect();
        if let [_, code, at, message, ..] = parts[..]
            && let Some(code) = ROW_CODES.iter().find(|known| **known == code)
        {
            let (message, at) = (message.to_owned(), at.parse().ok());
            let hints = [
                ("look-around", LOOK_AROUND),
                ("for DATE partition key", DATE_KEY),
                ("to IPADDRESS: -", NO_ADDRESS),
                ("timestamp out of range", SECONDS),
            ];
            let hint = hints.iter().find(|(part, _)| message.contains(part));
            let hint = hint.map(|(_, hint)| (*hint).to_owned());
            return Self {
                code,
                message,
                at,
                hint,
            };
        }
        if is_correlation(&text) {
            return Self::bare(
                "NOT_SUPPORTED",
                "Given correlated subquery is not supported",
            )
            .with_hint(
                "a sub-query may compare with the query around it by `=` (or by any sign in \
                     EXISTS); a join on the same condition, grouped, answers the rest",
            );
        }
        if let Some(reason) = damage(&error) {
            return Self::bare(DAMAGED, reason);
        }
        // Of an expression, casts are ours, with errors of their own.
        if let DataFusionError::ArrowError(error, _) = error.find_root()
            && let ArrowError::CastError(value) = &**error
        {
            return Self::bare("HIVE_BAD_DATA", value).with_hint(
                "a column of a Parquet file has another type than the table says: see which in \
                 the table's CREATE EXTERNAL TABLE",
            );
        }
        Self::bare(INTERNAL, text)
    }
}

/// Whether DataFusion says that it cannot take a sub-query out of the query that it reads.
fn is_correlation(text: &str) -> bool {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let unplanned = has(&["Physical plan does not support logical expression"]);
    (unplanned && has(&["Subquery", "OuterRef", "Exists"]))
        || has(&[
            "'scalar_subquery_to_join' failed",
            "'decorrelate_predicate_subquery' failed",
            "'decorrelate_lateral_join' failed",
        ])
}

/// A file that cannot be read to its end.
pub(super) const DAMAGED: &str = "HIVE_CURSOR_ERROR";

/// Java's regexes have what takes time without bound; these do not.
const LOOK_AROUND: &str = "regexes take time linear in the text here, which look-around cannot: \
    match more and take a group out with regexp_extract(text, pattern, 1), or say what must not \
    be there by AND NOT regexp_like(...)";

/// Of records without data.
const NO_ADDRESS: &str = "records without data have `-` for an address: AND log_status = 'OK' \
    before the CAST, or TRY_CAST";

/// Of the commonest way beyond the year 9999.
pub(super) const SECONDS: &str = "from_unixtime takes seconds since 1970: of milliseconds, write \
    from_unixtime(x / 1000)";

/// A projection's format says how a folder is named, not what a DATE is.
const DATE_KEY: &str = "a partition column of type date holds values such as 2024-03-05; with \
    another `projection.*.format`, such as yyyy/MM/dd, it is a string: PARTITIONED BY (day \
    string), and WHERE day >= '2024/03/05'";

/// What every step gives.
pub(super) type Checked<T> = Result<T, Fault>;
