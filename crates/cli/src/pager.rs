//! Long or wide text on a terminal goes through the reader's pager, as git's does.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::output;

/// What `less` does unless `LESS` says otherwise: leave at once if all fits, show colours, cut long
/// lines (arrow keys go sideways), leave the screen as it is.
const LESS: &str = "FRSX";

/// Prints `text` to stdout: through `$PAGER`, or `less`, where that is a terminal that it does not
/// fit; as it is elsewhere, and where there is no pager.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    if !io::stdout().is_terminal() || fits(text) {
        return output::text(text);
    }
    let stripped;
    let text = match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => {
            stripped = anstream::adapter::strip_str(text).to_string();
            stripped.as_str()
        }
        _ => text,
    };
    let Some(mut pager) = command() else {
        return output::text(text);
    };
    let Ok(mut child) = pager.stdin(Stdio::piped()).spawn() else {
        return output::text(text);
    };
    let written = child
        .stdin
        .take()
        .map(|mut it| it.write_all(text.as_bytes()));
    child.wait()?;
    match written {
        // Who leaves the pager early has seen enough.
        Some(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn fits(text: &str) -> bool {
    let Ok(size) = rustix::termios::tcgetwinsize(io::stdout()) else {
        return true;
    };
    let plain = anstream::adapter::strip_str(text).to_string();
    let widest = plain.lines().map(|line| line.chars().count()).max();
    text.lines().count() < usize::from(size.ws_row)
        && widest.unwrap_or(0) <= usize::from(size.ws_col)
}

fn command() -> Option<Command> {
    let chosen = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    let mut words = chosen.split_whitespace();
    let program = words.next().filter(|it| *it != "cat")?;
    let mut command = Command::new(program);
    command.args(words);
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    Some(command)
}
