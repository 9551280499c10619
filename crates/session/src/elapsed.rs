//! Virtual time in JSON that people read: `00:25:00` since the scenario's start, for
//! `#[serde(with = "elapsed")]`.

use serde::{Deserialize, Deserializer, Serializer, de};
use wirelab_model::SimTime;

/// Writes the moment to the second.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(at: &SimTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Reads what [`serialize`] has written.
///
/// # Errors
/// A text that is no such moment.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SimTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    let read = parse(&text).ok_or_else(|| format!("`{text}` is no time such as `00:25:00`"));
    read.map_err(de::Error::custom)
}

fn parse(text: &str) -> Option<SimTime> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let hours = hours.checked_mul(3600)?;
    let whole = hours.checked_add(minutes.checked_mul(60)?)?;
    let moment = SimTime::from_secs(whole.checked_add(seconds)?);
    parts.next().is_none().then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for seconds in [0, 1500, 3599, 400_000] {
            let moment = SimTime::from_secs(seconds);
            assert_eq!(parse(&moment.to_string()), Some(moment));
        }
        for wrong in ["", "1:2", "1:2:3:4", "a:b:c", "-1:0:0"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
