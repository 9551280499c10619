//! The watch's screen: a page, and below it a row that says which keys there are.
//!
//! What is drawn is what differs from what the terminal shows, so that nothing flickers; a page
//! that is longer than the screen is moved through. It is drawn on the terminal's other screen:
//! what was on the terminal before is there again afterwards, after a panic too.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};
use ratatui_core::text::{Line, Span};

use super::keys::Key;
use super::styled;
use crate::failure::Failure;
use crate::{terminal, wrap};

/// To the other screen, without cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// How long one waits without wondering.
const MOMENT: Duration = Duration::from_millis(300);

/// Whether the terminal shows the other screen.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// The terminal's other screen; left when dropped.
pub(super) struct Screen {
    shown: Buffer,
    color: bool,
    page: String,
    keys: Vec<&'static str>,
    /// The page's row that is the screen's first.
    top: usize,
}

impl Screen {
    pub(super) fn enter() -> Result<Self, Failure> {
        leave_at_panic();
        ENTERED.store(true, Ordering::SeqCst);
        print(ENTER)?;
        let stdout = std::io::stdout();
        Ok(Self {
            shown: Buffer::empty(Rect::ZERO),
            color: AutoStream::choice(&stdout) != ColorChoice::Never,
            page: String::new(),
            keys: Vec::new(),
            top: 0,
        })
    }

    /// How wide it is.
    pub(super) fn columns() -> usize {
        usize::from(size().0)
    }

    /// Shows another page, from its beginning.
    pub(super) fn show(&mut self, page: String, keys: &[&'static str]) -> Result<(), Failure> {
        (self.page, self.keys, self.top) = (page, keys.to_vec(), 0);
        self.draw()
    }

    /// Shows a page with this line of it in sight.
    pub(super) fn show_at(
        &mut self,
        page: String,
        line: usize,
        keys: &[&'static str],
    ) -> Result<(), Failure> {
        let (width, height) = size();
        let before: String = page.split_inclusive('\n').take(line + 1).collect();
        let end = styled::rows(&wrap::fit(&before, usize::from(width)), usize::from(width)).len();
        let room = page_height(height);
        let top = match end > self.top && end <= self.top + room {
            true => self.top,
            false => end.saturating_sub(room),
        };
        (self.page, self.keys, self.top) = (page, keys.to_vec(), top);
        self.draw()
    }

    /// Does `work`, and says so in the last row if it takes longer than a moment.
    pub(super) fn while_busy<T>(&mut self, says: &str, work: impl FnOnce() -> T) -> T {
        let (width, height) = size();
        let dim = if self.color { "\x1b[2m" } else { "" };
        let row = format!("\x1b[{height};1H\x1b[0m{dim}{says}\x1b[0m\x1b[K");
        let done = after(MOMENT, || drop(print(&row)), work);
        // The row may be there now, so it is drawn again in any case.
        if let Some(last) = height
            .checked_sub(1)
            .filter(|last| *last < self.shown.area.height)
        {
            self.shown
                .set_line(0, last, &Line::raw(says.to_owned()), width);
        }
        done
    }

    /// Moves through the page; whether that is what the key asks for.
    pub(super) fn moved(&mut self, key: Key) -> Result<bool, Failure> {
        let (width, height) = size();
        let most = self.rows(width).len().saturating_sub(page_height(height));
        let by = |rows: i64| {
            let top = (self.top as i64).saturating_add(rows);
            usize::try_from(top).unwrap_or(0)
        };
        let page = i64::from(height.saturating_sub(2)).max(1);
        let top = match key {
            Key::Lines(lines) => by(i64::from(lines)),
            Key::Pages(pages) => by(page * i64::from(pages)),
            Key::Top => 0,
            Key::Bottom => most,
            Key::Char(_) => return Ok(false),
        };
        self.top = top.min(most);
        self.draw()?;
        Ok(true)
    }

    /// Draws again if the terminal has another size now.
    pub(super) fn fit(&mut self) -> Result<(), Failure> {
        let (width, height) = size();
        if self.shown.area == Rect::new(0, 0, width, height) {
            return Ok(());
        }
        self.draw()
    }

    fn rows(&self, width: u16) -> Vec<Line<'static>> {
        let width = usize::from(width);
        styled::rows(&wrap::fit(&self.page, width), width)
    }

    fn draw(&mut self) -> Result<(), Failure> {
        let (width, height) = size();
        let area = Rect::new(0, 0, width, height);
        let rows = self.rows(width);
        let room = page_height(height);
        self.top = self.top.min(rows.len().saturating_sub(room));
        let mut next = Buffer::empty(area);
        for (y, row) in (0..height).zip(rows.iter().skip(self.top).take(room)) {
            next.set_line(0, y, row, width);
        }
        if let Some(last) = height.checked_sub(1).filter(|last| *last > 0) {
            let keys = footer(&self.keys, usize::from(width), self.top, room, rows.len());
            next.set_line(0, last, &Line::raw(keys).style(Modifier::DIM), width);
        }
        let mut out = String::new();
        if self.shown.area != area {
            out.push_str("\x1b[0m\x1b[2J");
            self.shown = Buffer::empty(area);
        }
        for y in 0..height {
            if row(&self.shown, y) != row(&next, y) {
                put(&mut out, y, row(&next, y), self.color);
            }
        }
        self.shown = next;
        print(&out)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Does `work`; meanwhile `notice`, if it takes longer than `patience`.
fn after<T>(patience: Duration, notice: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    let (done, waits) = mpsc::channel::<()>();
    std::thread::scope(move |scope| {
        scope.spawn(move || {
            if waits.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                notice();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// The rows of the page: all but the last, if there is more than one.
fn page_height(height: u16) -> usize {
    usize::from(height).saturating_sub(1).max(1)
}

/// The keys, and where in the page one is if there is more than the screen shows. Where there is no
/// room for all, the last key is the way out and stays.
fn footer(keys: &[&str], width: usize, top: usize, room: usize, of: usize) -> String {
    let place = if of <= room {
        String::new()
    } else {
        let more = if terminal::ascii_only() {
            "j/k"
        } else {
            "↓↑"
        };
        format!("{more} {}-{} of {of}  ", top + 1, (top + room).min(of))
    };
    let Some((last, others)) = keys.split_last() else {
        return place;
    };
    let columns = |text: &str| text.chars().count();
    let mut left = width.saturating_sub(columns(&place) + columns(last));
    let fits = others.iter().take_while(|key| {
        let needs = columns(key) + 2;
        let fits = needs <= left;
        left = left.saturating_sub(needs);
        fits
    });
    let shown: String = fits.map(|key| format!("{key}  ")).collect();
    format!("{place}{shown}{last}")
}

/// Columns and rows; those of old terminals if nobody says.
fn size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

fn row(buffer: &Buffer, y: u16) -> &[Cell] {
    let width = usize::from(buffer.area.width);
    let begin = usize::from(y) * width;
    buffer.content.get(begin..begin + width).unwrap_or_default()
}

/// A row in place of the one that is there, its text in one piece.
fn put(out: &mut String, y: u16, row: &[Cell], color: bool) {
    let _ = write!(out, "\x1b[{};1H\x1b[0m", y + 1);
    let blank = row.iter().rev().take_while(|cell| **cell == Cell::EMPTY);
    let shown = &row[..row.len() - blank.count()];
    let mut last = String::from("0");
    let mut at = 0;
    while let Some(cell) = shown.get(at) {
        let style = if color { style(cell) } else { last.clone() };
        if style != last {
            let _ = write!(out, "\x1b[{style}m");
            last = style;
        }
        out.push_str(cell.symbol());
        // A wide character covers the cell after its own.
        at += Span::raw(cell.symbol()).width().max(1);
    }
    out.push_str("\x1b[0m\x1b[K");
}

/// The numbers of its attributes.
fn style(cell: &Cell) -> String {
    let mut style = String::from("0");
    for (modifier, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::UNDERLINED, 4),
    ] {
        if cell.modifier.contains(modifier) {
            let _ = write!(style, ";{code}");
        }
    }
    if let Some(code) = code(cell.fg) {
        let _ = write!(style, ";{code}");
    }
    style
}

const fn code(color: Color) -> Option<u8> {
    Some(match color {
        Color::Black => 30,
        Color::Red => 31,
        Color::Green => 32,
        Color::Yellow => 33,
        Color::Blue => 34,
        Color::Magenta => 35,
        Color::Cyan => 36,
        Color::Gray => 37,
        _ => return None,
    })
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

fn leave() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        // Nothing is left to do if the terminal is gone.
        print(LEAVE).ok();
    }
}

/// What a panic says would be on the other screen, and gone with it.
fn leave_at_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::io::stdout().is_terminal() {
                leave();
            }
            before(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use ratatui_core::style::Stylize;

    use super::*;

    #[test]
    fn the_last_row_says_where_in_a_long_page_one_is() {
        let keys = ["h hint", "l list", "q quit"];
        assert_eq!(footer(&keys, 80, 0, 23, 20), "h hint  l list  q quit");
        assert_eq!(footer(&keys, 15, 0, 23, 20), "h hint  q quit");
        assert!(footer(&keys, 26, 3, 10, 40).ends_with(" 4-13 of 40  q quit"));
    }

    #[test]
    fn who_waits_is_told_what_for_and_who_need_not_is_not() {
        let (told, hears) = mpsc::channel();
        let tells = || told.send(()).expect("somebody hears");
        let done = after(Duration::ZERO, tells, || hears.recv());
        assert_eq!(done, Ok(()), "the work ends once it was told of");
        let done = after(Duration::from_secs(3600), || panic!("told at once"), || 1);
        assert_eq!(done, 1);
    }

    #[test]
    fn a_row_is_written_in_one_piece_with_colours_only_where_they_are_wanted() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
        let line = Line::from(vec![Span::raw("no ").red(), Span::raw("文 yes")]);
        buffer.set_line(0, 2, &line, 20);
        let drawn = |color| {
            let mut out = String::new();
            put(&mut out, 2, row(&buffer, 2), color);
            out
        };
        assert_eq!(drawn(false), "\x1b[3;1H\x1b[0mno 文 yes\x1b[0m\x1b[K");
        assert_eq!(
            drawn(true),
            "\x1b[3;1H\x1b[0m\x1b[0;31mno \x1b[0m文 yes\x1b[0m\x1b[K"
        );
    }
}
