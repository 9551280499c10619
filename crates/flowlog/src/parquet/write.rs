//! Records to columns.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as Column, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use wirelab_model::FlowRecord;

use crate::{Field, FieldType, LogFormat};

/// Records that become columns at a time.
const BATCH: usize = 8192;

/// Why nothing here fails: the schema is ours, and a vector takes all that is written.
const NEVER: &str = "our own columns fit our own schema";

/// Records as a Parquet file.
#[must_use]
pub fn write<'a>(format: &LogFormat, records: impl IntoIterator<Item = &'a FlowRecord>) -> Vec<u8> {
    let mut writer = Writer::new(format);
    for record in records {
        writer.push(record);
    }
    writer.finish()
}

/// Writes one file.
pub(crate) struct Writer<'f> {
    format: &'f LogFormat,
    schema: SchemaRef,
    columns: Vec<Builder>,
    /// Records in `columns`.
    held: usize,
    text: Vec<u8>,
    file: ArrowWriter<Vec<u8>>,
}

enum Builder {
    Text(StringBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
}

impl<'f> Writer<'f> {
    pub(crate) fn new(format: &'f LogFormat) -> Self {
        let columns = format.fields().iter().map(|field| {
            let kind = match field.kind() {
                FieldType::Text => DataType::Utf8,
                FieldType::Int32 => DataType::Int32,
                FieldType::Int64 => DataType::Int64,
            };
            Column::new(field.column_name(), kind, true)
        });
        let schema = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("wirelab ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties));
        Self {
            format,
            schema,
            columns: format.fields().iter().map(|it| Builder::of(*it)).collect(),
            held: 0,
            text: Vec::new(),
            file: file.expect(NEVER),
        }
    }

    /// Whether the file has grown: records become columns many at a time.
    pub(crate) fn push(&mut self, record: &FlowRecord) -> bool {
        for (field, column) in self.format.fields().iter().zip(&mut self.columns) {
            column.push(self.format, *field, record, &mut self.text);
        }
        self.held += 1;
        let is_full = self.held == BATCH;
        if is_full {
            self.flush();
        }
        is_full
    }

    /// About how long the file is, less the records that have yet to become columns.
    pub(crate) fn len(&self) -> usize {
        self.file.bytes_written() + self.file.in_progress_size()
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.file.into_inner().expect(NEVER)
    }

    fn flush(&mut self) {
        if self.held == 0 {
            return;
        }
        let columns = self.columns.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), columns).expect(NEVER);
        self.file.write(&batch).expect(NEVER);
        self.held = 0;
    }
}

impl Builder {
    fn of(field: Field) -> Self {
        match field.kind() {
            FieldType::Text => Self::Text(StringBuilder::new()),
            FieldType::Int32 => Self::Int32(Int32Builder::with_capacity(BATCH)),
            FieldType::Int64 => Self::Int64(Int64Builder::with_capacity(BATCH)),
        }
    }

    fn push(&mut self, format: &LogFormat, field: Field, record: &FlowRecord, text: &mut Vec<u8>) {
        match self {
            Self::Text(column) => {
                format.write_one(field, record, text);
                let value = str::from_utf8(text).expect("every part of it was text");
                column.append_option((!value.is_empty() && value != "-").then_some(value));
            }
            Self::Int32(column) => {
                let value = format.number(field, record);
                column.append_option(value.map(|it| i32::try_from(it).unwrap_or(i32::MAX)));
            }
            Self::Int64(column) => {
                let value = format.number(field, record);
                column.append_option(value.map(|it| i64::try_from(it).unwrap_or(i64::MAX)));
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Int32(column) => Arc::new(column.finish()),
            Self::Int64(column) => Arc::new(column.finish()),
        }
    }
}
