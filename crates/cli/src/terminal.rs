//! Marks and colours. Marks carry the meaning without colour, and have an ASCII form.

use std::fmt::Display;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

use crate::args::Color;

/// Sets when styles are written; `auto` is left to `anstream` (terminal, NO_COLOR, TERM=dumb).
pub(crate) fn set_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Whether a person sits at both ends.
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Whether the terminal has a screen that can be drawn on, and not only lines.
pub(crate) fn has_screen() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    !["", "dumb", "unknown"].contains(&term.as_str())
}

/// The columns of the terminal that stdout is; `None`: it is no terminal.
pub(crate) fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// The columns to write for: the terminal's, or where stdout is none those that `COLUMNS` says,
/// else those of a page.
pub(crate) fn columns() -> usize {
    let said = || {
        std::env::var("COLUMNS")
            .ok()?
            .parse()
            .ok()
            .filter(|columns| *columns > 0)
    };
    width().or_else(said).unwrap_or(100)
}

/// Whether marks and arrows must be ASCII: a dumb terminal, or a locale that says it is not UTF-8.
pub(crate) fn ascii_only() -> bool {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if variable("TERM").is_some_and(|term| term == "dumb" || term == "linux") {
        return true;
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        !locale.contains("utf-8") && !locale.contains("utf8")
    })
}

/// A verdict at the start of a line.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    Good,
    Bad,
    Partly,
    /// There is none.
    Open,
}

impl Mark {
    /// The mark, coloured: `✓ ✗ ◐ ?` or `[ok] [x] [~] [?]`.
    pub(crate) fn shown(self) -> String {
        let (mark, ascii, color) = match self {
            Self::Good => ("✓", "[ok]", AnsiColor::Green),
            Self::Bad => ("✗", "[x]", AnsiColor::Red),
            Self::Partly => ("◐", "[~]", AnsiColor::Yellow),
            Self::Open => ("?", "[?]", AnsiColor::Magenta),
        };
        paint(if ascii_only() { ascii } else { mark }, color.on_default())
    }
}

pub(crate) fn bold(text: impl Display) -> String {
    paint(text, Style::new().bold())
}

pub(crate) fn dim(text: impl Display) -> String {
    paint(text, Style::new().dimmed())
}

pub(crate) fn red(text: impl Display) -> String {
    paint(text, AnsiColor::Red.on_default().bold())
}

pub(crate) fn cyan(text: impl Display) -> String {
    paint(text, AnsiColor::Cyan.on_default().bold())
}

fn paint(text: impl Display, style: Style) -> String {
    format!("{style}{text}{style:#}")
}
