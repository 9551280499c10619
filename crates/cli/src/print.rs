//! Lines that several commands print.

use std::path::Path;

use wirelab_model::{SimDuration, SimTime, UnixTime};
use wirelab_session::{Note, Session};

use crate::when;

/// The moment reached, in virtual time and UTC.
pub(crate) fn reached(session: &Session) -> String {
    let utc = when::print_utc(session.run().utc());
    format!("it is now {} ({utc} UTC)\n", elapsed(session.now()))
}

/// A moment in both of a lab's clocks: `00:25:01 (09:25:01 UTC)`.
pub(crate) fn moment(at: SimTime, starts: UnixTime) -> String {
    let utc = when::print_utc(starts.at(at));
    format!(
        "{} ({} UTC)",
        elapsed(at),
        utc.get(11..).unwrap_or_default()
    )
}

/// `00:25:01`; days apart once there are some: `7 days 00:25:01`.
pub(crate) fn elapsed(moment: SimTime) -> String {
    const DAY: u64 = 86_400;
    let seconds = moment.as_secs();
    let rest = SimTime::from_secs(seconds % DAY);
    match seconds / DAY {
        0 => moment.to_string(),
        1 => format!("1 day {rest}"),
        days => format!("{days} days {rest}"),
    }
}

/// `  00:25:01  the SYN-ACK is lost on the way back`.
pub(crate) fn note(note: &Note) -> String {
    format!("  {}  {}\n", elapsed(note.at), note.text)
}

/// As people write it: `13m20s`, `1d`, `9d15h30m`.
pub(crate) fn span(span: SimDuration) -> String {
    const DAY: u64 = 86_400_000_000_000;
    let nanos = span.as_nanos();
    match (nanos / DAY, SimDuration::from_nanos(nanos % DAY)) {
        (0, _) => span.to_string(),
        (days, SimDuration::ZERO) => format!("{days}d"),
        (days, rest) => format!("{days}d{rest}"),
    }
}

/// `path` as seen from the current folder; `.` if it is that.
pub(crate) fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    if path == here {
        return ".".to_owned();
    }
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}
