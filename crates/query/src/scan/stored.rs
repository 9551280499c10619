//! Codes in a file: which of its columns have them, and the texts that they stand for.
//!
//! A Parquet file of the compact layout has addresses, actions and states as codes of 32 bits. Such
//! a column's field has the file's mark in its metadata, under [`KEY`]; the file's own metadata
//! has, under the same key and as JSON, the mark and the texts that have no code of their own, in
//! the order of their codes. The mark leads from a column to its texts where only its field is at
//! hand.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Result, exec_err};
use serde::{Deserialize, Serialize};

use super::codes::Codes;

/// The key in the metadata of columns and files.
pub(crate) const KEY: &str = "wirelab.codes";

/// What a file's metadata says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// No other file's.
    pub(crate) mark: String,
    pub(crate) texts: Vec<Arc<str>>,
}

/// The files that are known to have codes, by their marks.
pub(crate) type StoredFiles = HashMap<String, Arc<Stored>>;

impl Stored {
    /// What a file's schema says, if it has codes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of(schema: &Schema) -> std::result::Result<Option<Self>, serde_json::Error> {
        let json = schema.metadata().get(KEY);
        json.map(|json| serde_json::from_str(json)).transpose()
    }

    /// A mark for a new file.
    pub(crate) fn new_mark() -> String {
        let number = || RandomState::new().hash_one(KEY);
        format!("{:016x}{:016x}", number(), number())
    }

    /// The query's codes of the texts; `None` if they are those of the file.
    ///
    /// # Errors
    /// If the query has too many texts.
    pub(crate) fn codes(&self, codes: &Codes) -> Result<Option<Arc<[u32]>>> {
        let own = Codes::default();
        let mut same = true;
        let mut all = Vec::with_capacity(self.texts.len());
        for text in &self.texts {
            let code = codes.of(text)?;
            same &= own.of(text)? == code;
            all.push(code);
        }
        Ok((!same).then(|| all.into()))
    }
}

/// The file whose codes a column has; `None` if it has none.
///
/// # Errors
/// If that file is not known.
pub(super) fn file_of<'f>(field: &Field, files: &'f StoredFiles) -> Result<Option<&'f Stored>> {
    let Some(mark) = field.metadata().get(KEY) else {
        return Ok(None);
    };
    match files.get(mark) {
        Some(file) if *field.data_type() == DataType::UInt32 => Ok(Some(file)),
        _ => exec_err!("the codes of the column `{}` have no texts", field.name()),
    }
}
