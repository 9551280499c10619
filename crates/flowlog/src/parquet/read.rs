//! Columns to lines: what a Parquet file would be as text.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::{Field, LogFormat};

/// Why a Parquet file is no flow log.
#[derive(Debug, thiserror::Error)]
pub enum ParquetError {
    /// Not readable as Parquet, or compressed in a way that is not supported.
    #[error("the Parquet data cannot be read: {0}")]
    Damaged(String),
    /// No column is a field of flow logs.
    #[error("the Parquet file has no column of a flow log, such as `srcaddr`; it has {0}")]
    NoField(String),
    /// Two columns for the same field, or a column of a type that no field has.
    #[error("the Parquet column `{column}` {problem}")]
    Column {
        /// Its name.
        column: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A text with a space, which no line could hold.
    #[error("row {row} of the Parquet file: `{value}` is not a value of `{field}`")]
    Value {
        /// The row, from 1.
        row: usize,
        /// The field.
        field: Field,
        /// The value, shortened.
        value: String,
    },
    /// More text than is taken.
    #[error("the file unpacks to more than {0} bytes")]
    TooLarge(u64),
}

fn damaged(error: impl std::fmt::Display) -> ParquetError {
    ParquetError::Damaged(error.to_string())
}

/// The file's records as lines in the order of its columns.
///
/// The library asserts where a page contradicts itself, instead of answering with an error. A
/// damaged file must not end the process, so that such a panic ends here: nothing of what it was
/// working on is used again.
pub(crate) fn to_text(file: &[u8], bytes_max: u64) -> Result<(LogFormat, String), ParquetError> {
    let read = AssertUnwindSafe(|| decode(file, bytes_max));
    catch_unwind(read).unwrap_or_else(|_| Err(damaged("its pages contradict each other")))
}

fn decode(file: &[u8], bytes_max: u64) -> Result<(LogFormat, String), ParquetError> {
    let file = Bytes::copy_from_slice(file);
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(damaged)?;
    let (roots, format) = known_columns(metadata.schema())?;
    let wanted = ProjectionMask::roots(metadata.parquet_schema(), roots);
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_projection(wanted)
        .build();
    let mut text = String::new();
    let mut rows = 0;
    for batch in reader.map_err(damaged)? {
        let batch = batch.map_err(damaged)?;
        let cells = cells(&batch)?;
        for row in 0..batch.num_rows() {
            rows += 1;
            for (cell, field) in cells.iter().zip(format.fields()) {
                let start = text.len();
                cell.write(row, &mut text);
                if text[start..].bytes().any(|it| it <= b' ') {
                    let value = text[start..].chars().take(80).collect();
                    let (row, field) = (rows, *field);
                    return Err(ParquetError::Value { row, field, value });
                }
                if text.len() == start {
                    text.push('-');
                }
                text.push(' ');
            }
            text.pop();
            text.push('\n');
            if text.len() as u64 > bytes_max {
                return Err(ParquetError::TooLarge(bytes_max));
            }
        }
    }
    Ok((format, text))
}

/// Which columns are fields, and the format that they make.
fn known_columns(schema: &Schema) -> Result<(Vec<usize>, LogFormat), ParquetError> {
    let mut roots = Vec::new();
    let mut header = String::new();
    for (index, column) in schema.fields().iter().enumerate() {
        let name = column.name().to_ascii_lowercase().replace('_', "-");
        if let Some(field) = Field::from_name(&name) {
            roots.push(index);
            header.push_str(field.name());
            header.push(' ');
        }
    }
    if roots.is_empty() {
        let names: Vec<_> = schema
            .fields()
            .iter()
            .map(|it| it.name().as_str())
            .collect();
        let names: String = names.join(", ").chars().take(200).collect();
        return Err(ParquetError::NoField(names));
    }
    let format = LogFormat::from_header(&header).map_err(damaged)?;
    Ok((roots, format))
}

/// One column of a batch.
enum Cell<'a> {
    Text(&'a arrow_array::StringArray),
    Binary(&'a arrow_array::BinaryArray),
    Number(Box<dyn Fn(usize) -> Option<i128> + 'a>),
}

fn cells(batch: &RecordBatch) -> Result<Vec<Cell<'_>>, ParquetError> {
    let schema = batch.schema_ref();
    let columns = batch.columns().iter().zip(schema.fields());
    let cells = columns.map(|(array, column)| {
        cell(array.as_ref()).ok_or_else(|| ParquetError::Column {
            column: column.name().clone(),
            problem: format!(
                "is of type {}, not text or a whole number",
                array.data_type()
            ),
        })
    });
    cells.collect()
}

fn cell(array: &dyn Array) -> Option<Cell<'_>> {
    Some(match array.data_type() {
        DataType::Utf8 => Cell::Text(array.as_string()),
        DataType::Binary => Cell::Binary(array.as_binary()),
        DataType::Int8 => numbers::<Int8Type>(array),
        DataType::Int16 => numbers::<Int16Type>(array),
        DataType::Int32 => numbers::<Int32Type>(array),
        DataType::Int64 => numbers::<Int64Type>(array),
        DataType::UInt8 => numbers::<UInt8Type>(array),
        DataType::UInt16 => numbers::<UInt16Type>(array),
        DataType::UInt32 => numbers::<UInt32Type>(array),
        DataType::UInt64 => numbers::<UInt64Type>(array),
        _ => return None,
    })
}

fn numbers<T: ArrowPrimitiveType>(array: &dyn Array) -> Cell<'_>
where
    T::Native: Into<i128>,
{
    let array = array.as_primitive::<T>();
    Cell::Number(Box::new(move |row| {
        array.is_valid(row).then(|| array.value(row).into())
    }))
}

impl Cell<'_> {
    /// Appends a value; nothing for null.
    fn write(&self, row: usize, text: &mut String) {
        match self {
            Self::Text(array) if array.is_valid(row) => text.push_str(array.value(row)),
            Self::Binary(array) if array.is_valid(row) => {
                text.push_str(&String::from_utf8_lossy(array.value(row)));
            }
            Self::Number(value) => {
                if let Some(value) = value(row) {
                    write!(text, "{value}").expect("writing to a String cannot fail");
                }
            }
            _ => {}
        }
    }
}
