//! A flow log's record format: which fields, in which order.

use std::fmt;
use std::str::FromStr;

use crate::Field;

/// The fields of a record in their order; `LogFormat` of `CreateFlowLogs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    fields: Vec<Field>,
    version: u8,
    /// By field: where it stands, or [`ABSENT`].
    positions: [u8; Field::ALL.len()],
}

const ABSENT: u8 = u8::MAX;

/// Why a format string is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No field at all.
    #[error("a log format needs at least one field, such as `${{srcaddr}}`")]
    Empty,
    /// Something that is not `${field-name}`.
    #[error("`{text}` is not a field; fields are written `${{srcaddr}}`, separated by spaces")]
    NotAField {
        /// What stands there.
        text: String,
    },
    /// A name that no version of the record has.
    #[error("unknown field `{name}`{}", nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownField {
        /// The name as given.
        name: String,
        /// The name it is most like.
        nearest: Option<&'static str>,
    },
    /// The same field twice.
    #[error("field `{0}` appears twice")]
    Repeated(Field),
}

impl Default for LogFormat {
    /// The 14 fields of version 2.
    fn default() -> Self {
        Self::of(Field::DEFAULT.to_vec())
    }
}

impl LogFormat {
    /// Reads `${version} ${account-id} ...`.
    ///
    /// # Errors
    /// [`FormatError`] if a token is no field, is unknown or repeated, or there is none.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::collect(text.split_whitespace().map(|token| {
            let name = token
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            name.ok_or_else(|| FormatError::NotAField {
                text: token.to_owned(),
            })
        }))
    }

    /// Reads the header line of a log file in S3: `version account-id ...`.
    ///
    /// # Errors
    /// [`FormatError`] as for [`LogFormat::parse`]; a line of values is an unknown field.
    pub fn from_header(line: &str) -> Result<Self, FormatError> {
        Self::collect(line.split_whitespace().map(Ok))
    }

    fn collect<'a>(
        names: impl Iterator<Item = Result<&'a str, FormatError>>,
    ) -> Result<Self, FormatError> {
        let mut fields = Vec::new();
        for name in names {
            let name = name?;
            let field = Field::from_name(name).ok_or_else(|| FormatError::UnknownField {
                name: name.to_owned(),
                nearest: nearest(name),
            })?;
            if fields.contains(&field) {
                return Err(FormatError::Repeated(field));
            }
            fields.push(field);
        }
        if fields.is_empty() {
            return Err(FormatError::Empty);
        }
        Ok(Self::of(fields))
    }

    fn of(fields: Vec<Field>) -> Self {
        let mut positions = [ABSENT; Field::ALL.len()];
        for (position, field) in (0..ABSENT).zip(&fields) {
            positions[*field as usize] = position;
        }
        Self {
            version: fields.iter().map(|f| f.version()).max().unwrap_or(2),
            fields,
            positions,
        }
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What the `version` field prints: the highest version among the fields, at least 2.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The first line of a file in S3: the names in order. CloudWatch has no such line.
    #[must_use]
    pub fn header(&self) -> String {
        let names: Vec<_> = self.fields.iter().map(|field| field.name()).collect();
        names.join(" ")
    }

    /// Where a field stands in a line, from 0; `None` if the format lacks it.
    #[must_use]
    pub fn position(&self, field: Field) -> Option<usize> {
        let position = self.positions[field as usize];
        (position != ABSENT).then_some(position.into())
    }
}

/// `${version} ${account-id} ...`, as `CreateFlowLogs` takes it.
impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.fields.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}${{{field}}}")?;
        }
        Ok(())
    }
}

impl FromStr for LogFormat {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The field name nearest to `name`: underscores or capitals instead of hyphens, or a slip or two.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let bare = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    let same = |f: &&Field| bare(f.name()) == bare(name) || bare(f.insights_name()) == bare(name);
    if let Some(field) = Field::ALL.iter().find(same) {
        return Some(field.name());
    }
    let scored = Field::ALL
        .iter()
        .map(|f| (strsim::osa_distance(f.name(), name), f.name()));
    scored
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, name)| name)
}
