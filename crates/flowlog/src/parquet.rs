//! Records in Apache Parquet.
//!
//! Columns are the format's fields in order, hyphens as underscores (`pkt_srcaddr`), with the types
//! of the user guide's table: STRING, INT_32 or INT_64. What is `-` in text is null. Pages are
//! compressed with Snappy. The octets depend on the records alone.
//!
//! Files of others are read by the names of their columns, whatever their order and case; columns
//! that are no fields of a flow log are passed over.

mod read;
mod write;

pub use read::ParquetError;
pub(crate) use read::to_text;
pub(crate) use write::Writer;
pub use write::write;
