//! Lines that several commands print.

use std::path::Path;

use wirelab_session::Session;

use crate::when;

/// The moment reached, in virtual time and UTC.
pub(crate) fn reached(session: &Session) -> String {
    let utc = when::print_utc(session.run().utc());
    format!("it is now {} ({utc} UTC)\n", session.now())
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
