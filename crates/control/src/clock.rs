//! Virtual time as the API prints it.

use jiff::Timestamp;
use wirelab_model::UnixTime;

/// `2024-03-05T00:00:00.000Z`, as EC2 writes times.
pub(crate) fn iso8601(time: UnixTime) -> String {
    let nanos = i128::from(time.as_nanos());
    let timestamp = Timestamp::from_nanosecond(nanos).expect("64 bits of nanoseconds end in 2554");
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
