//! The columns of a file: fields, and names that no version known here has.
//!
//! AWS adds fields with every version of the record, and a file says itself which it has. A name
//! that is not in the table of fields is no reason to leave the file unread: its values are kept as
//! text under that name.

use std::borrow::Cow;
use std::fmt;

use wirelab_model::SmolStr;

use crate::{Field, FieldType};

/// A column of a log file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogColumn {
    /// A field of the user guide's table.
    Field(Field),
    /// Something else, by its name in small letters with hyphens: `color-of-packet`.
    Other(SmolStr),
}

/// Why the names of columns are no header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// The same name twice.
    #[error("the field `{0}` appears twice")]
    Repeated(LogColumn),
}

impl LogColumn {
    /// The column of that name; underscores and capitals as in Parquet or a table are allowed.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let name = name.to_lowercase().replace('_', "-");
        Field::from_name(&name).map_or_else(|| Self::Other(name.into()), Self::Field)
    }

    /// Reads a file's first line as the names of its columns.
    ///
    /// `None` for a line of values: more than half of the words in a header are names of fields,
    /// and the others could be.
    ///
    /// ```
    /// use wirelab_flowlog::LogColumn;
    ///
    /// let columns = LogColumn::of_header("version srcaddr dstaddr color-of-packet")?;
    /// let columns = columns.expect("three of four are fields");
    /// assert_eq!(columns[3].insights_name(), "colorOfPacket");
    /// assert_eq!(LogColumn::of_header("2 123456789012 eni-1 10.0.0.1")?, None);
    /// # Ok::<(), wirelab_flowlog::ColumnsError>(())
    /// ```
    ///
    /// # Errors
    /// [`ColumnsError`] if a name stands there twice.
    pub fn of_header(line: &str) -> Result<Option<Vec<Self>>, ColumnsError> {
        if !line.split_whitespace().all(is_name) {
            return Ok(None);
        }
        let columns: Vec<Self> = line.split_whitespace().map(Self::of_name).collect();
        let known = columns.iter().filter(|it| it.field().is_some()).count();
        if known * 2 <= columns.len() {
            return Ok(None);
        }
        match repeated(&columns) {
            Some(column) => Err(ColumnsError::Repeated(column.clone())),
            None => Ok(Some(columns)),
        }
    }

    /// The field, if it is one.
    #[must_use]
    pub fn field(&self) -> Option<Field> {
        match self {
            Self::Field(field) => Some(*field),
            Self::Other(_) => None,
        }
    }

    /// The name in a header line.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Field(field) => field.name(),
            Self::Other(name) => name,
        }
    }

    /// The name of the column in Parquet and in tables.
    #[must_use]
    pub fn column_name(&self) -> String {
        self.name().replace('-', "_")
    }

    /// The name under which Logs Insights discovers it; what is no known field is camel-cased at
    /// its hyphens as the others are.
    #[must_use]
    pub fn insights_name(&self) -> Cow<'static, str> {
        match self {
            Self::Field(field) => Cow::Borrowed(field.insights_name()),
            Self::Other(name) => Cow::Owned(camel(name)),
        }
    }

    /// Its type in Parquet.
    #[must_use]
    pub fn kind(&self) -> FieldType {
        self.field().map_or(FieldType::Text, Field::kind)
    }
}

/// The first column that stands there a second time.
fn repeated(columns: &[LogColumn]) -> Option<&LogColumn> {
    let mut numbered = columns.iter().enumerate();
    let again = numbered.find(|(at, column)| columns[..*at].contains(column));
    again.map(|(_, column)| column)
}

impl fmt::Display for LogColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn is_name(word: &str) -> bool {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(of_name)
}

fn camel(name: &str) -> String {
    let mut parts = name.split('-').filter(|part| !part.is_empty());
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (head, tail) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        camel.push_str(&head.to_uppercase());
        camel.push_str(tail);
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_have_names_of_versions_to_come_and_a_line_of_values_is_none() {
        let line = "version tgw-id packets-lost-blackhole srcaddr future-field";
        let columns = LogColumn::of_header(line).expect("no name twice");
        let columns = columns.expect("four fields of five");
        assert_eq!(columns[1], LogColumn::Field(Field::TgwId));
        assert_eq!(columns[2].kind(), FieldType::Int64);
        assert_eq!(columns[4], LogColumn::Other("future-field".into()));
        assert_eq!(columns[4].column_name(), "future_field");
        for values in [
            "2 1 eni-1 10.0.0.1",
            "flow logs of a version",
            "",
            "start: end",
        ] {
            assert_eq!(LogColumn::of_header(values), Ok(None), "{values}");
        }
        let twice = LogColumn::of_header("version srcaddr dstaddr future-field future_field");
        let twice = twice.expect_err("twice").to_string();
        assert_eq!(twice, "the field `future-field` appears twice");
    }
}
