//! VPC flow-log record formats, CloudWatch stream names, S3 key layout.
//!
//! A [`FlowRecord`](wirelab_model::FlowRecord) is a value; this crate gives it the forms that AWS
//! gives it: a line in a [`LogFormat`], a place in a CloudWatch log group ([`stream_name`]), a file
//! under an S3 key ([`s3`]), gzip or Parquet ([`parquet`]). It also reads such lines and files back
//! ([`read`]), from our own runs and from real accounts. What a flow is, when a window ends and
//! when it is delivered are the simulator's business; files and buckets are the caller's.
//!
//! ```
//! use wirelab_flowlog::{Field, LogFormat, parse_line};
//!
//! let format = LogFormat::parse("${interface-id} ${srcaddr} ${tcp-flags}")?;
//! assert_eq!(format.version(), 3);
//! assert_eq!(format.header(), "interface-id srcaddr tcp-flags");
//! let record = parse_line(&format, "eni-0123456789abcdef0 10.0.1.5 -")?;
//! assert_eq!(record.get(Field::SrcAddr), Some("10.0.1.5"));
//! assert_eq!(record.get(Field::TcpFlags), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: Amazon VPC User Guide, "Flow log records", "Publish flow logs to CloudWatch Logs",
//! "Publish flow logs to Amazon S3".

mod column;
mod format;
mod line;
pub mod parquet;
pub mod read;
pub mod s3;
mod scan;
mod stream;
mod write;

pub use column::{ColumnsError, LogColumn};
pub use format::{FormatError, LogFormat};
pub use line::{LineError, Record, parse_line};
pub use stream::{records_traffic, stream_name, timestamp_ms};
pub use wirelab_model::{FlowField as Field, FlowFieldType as FieldType};
