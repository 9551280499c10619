//! Text with ANSI colours as lines of a screen.
//!
//! Reports and pages are text with colours, for whatever terminal prints them; the watch shows the
//! same text in an area of its own, so colours become styles, and lines that are too long go on in
//! the next row, below where their text began.

use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::{Line, Span};

/// A grapheme with its style and the columns it takes.
type Piece<'a> = (&'a str, Style, usize);

/// `text` in rows of `width` columns.
pub(super) fn rows(text: &str, width: usize) -> Vec<Line<'static>> {
    let mut style = Style::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        wrap(&spans(line, &mut style), width.max(1), &mut rows);
    }
    rows
}

/// The parts of a line; `style` is what the lines before left behind.
fn spans(line: &str, style: &mut Style) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut parts = line.split('\u{1b}');
    spans.push(Span::styled(
        plain(parts.next().unwrap_or_default()),
        *style,
    ));
    for part in parts {
        let codes = part.strip_prefix('[').and_then(|it| it.split_once('m'));
        let codes =
            codes.filter(|(codes, _)| codes.chars().all(|c| c.is_ascii_digit() || c == ';'));
        let rest = match codes {
            Some((codes, rest)) => {
                *style = codes.split(';').fold(*style, of_code);
                rest
            }
            // No colour: what else a terminal would do is not wanted here.
            None => part,
        };
        spans.push(Span::styled(plain(rest), *style));
    }
    spans
}

/// Control characters would move what follows.
fn plain(text: &str) -> String {
    let shown = text.replace('\t', "    ");
    shown
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn of_code(style: Style, code: &str) -> Style {
    const COLORS: [Color; 8] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
    ];
    match code.parse::<usize>().unwrap_or(0) {
        0 => Style::new(),
        1 => style.add_modifier(Modifier::BOLD),
        2 => style.add_modifier(Modifier::DIM),
        4 => style.add_modifier(Modifier::UNDERLINED),
        code @ 30..=37 => style.fg(COLORS[code - 30]),
        39 => style.fg(Color::Reset),
        _ => style,
    }
}

fn wrap(spans: &[Span<'_>], width: usize, rows: &mut Vec<Line<'static>>) {
    let pieces: Vec<Piece<'_>> = spans
        .iter()
        .flat_map(|span| span.styled_graphemes(Style::new()))
        .map(|it| (it.symbol, it.style, Span::raw(it.symbol).width()))
        .collect();
    let indent = pieces.iter().take_while(|piece| piece.0 == " ").count();
    let pieces = if columns(&pieces) > width {
        closer(pieces, indent)
    } else {
        pieces
    };
    // A line that is indented far goes on from further left.
    let indent = if indent + 2 > width / 2 {
        0
    } else {
        indent + 2
    };
    let mut rest = &pieces[..];
    let mut first = true;
    loop {
        let room = if first { width } else { width - indent };
        let (row, after) = split(rest, room);
        let blank = if first { 0 } else { indent };
        rows.push(line(row, blank));
        if after.is_empty() {
            return;
        }
        (rest, first) = (after, false);
    }
}

fn columns(pieces: &[Piece<'_>]) -> usize {
    pieces.iter().map(|piece| piece.2).sum()
}

/// Columns of a table that is too wide are moved together, to two spaces.
fn closer<'a>(pieces: Vec<Piece<'a>>, indent: usize) -> Vec<Piece<'a>> {
    let mut spaces = 0;
    let mut at = 0;
    let mut closer = pieces;
    closer.retain(|piece| {
        spaces = if piece.0 == " " { spaces + 1 } else { 0 };
        at += 1;
        at <= indent || spaces <= 2
    });
    closer
}

/// What fits, broken after a space where there is one, and what is left without leading spaces.
fn split<'p, 'a>(pieces: &'p [Piece<'a>], room: usize) -> (&'p [Piece<'a>], &'p [Piece<'a>]) {
    let mut used = 0;
    let fits = pieces.iter().take_while(|piece| {
        used += piece.2;
        used <= room
    });
    let fits = fits.count();
    if fits == pieces.len() {
        return (pieces, &[]);
    }
    let begins = pieces.iter().take_while(|piece| piece.0 == " ").count();
    let space = (begins..=fits).rev().find(|at| pieces[*at].0 == " ");
    // Something goes into each row, be it wider than the row.
    let end = space.filter(|at| *at > begins).unwrap_or(fits).max(1);
    let after = &pieces[end..];
    let blank = after.iter().take_while(|piece| piece.0 == " ").count();
    (&pieces[..end], &after[blank..])
}

fn line(pieces: &[Piece<'_>], indent: usize) -> Line<'static> {
    let mut line = Line::raw(" ".repeat(indent));
    for (symbol, style, _) in pieces {
        match line.spans.last_mut().filter(|span| span.style == *style) {
            Some(span) => span.content.to_mut().push_str(symbol),
            None => line.push_span(Span::styled((*symbol).to_owned(), *style)),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, width: usize) -> Vec<String> {
        let rows = rows(text, width);
        rows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_long_line_goes_on_below_where_its_text_began() {
        assert_eq!(
            texts("  one two three four\n\nfive", 12),
            ["  one two", "    three", "    four", "", "five"]
        );
        assert_eq!(texts("abcdefghij", 4), ["abcd", "  ef", "  gh", "  ij"]);
        assert_eq!(texts(" works      5/5", 12), [" works  5/5"]);
        assert_eq!(texts("文文文", 3), ["文", "文", "文"], "wide as they are");
        assert_eq!(texts("文", 1), ["文"], "no row is without end");
    }

    #[test]
    fn colours_become_styles_and_nothing_else_reaches_the_screen() {
        let rows = rows("\u{1b}[1m\u{1b}[31mno\u{1b}[0m yes\u{1b}[2J\u{7}", 40);
        let spans: Vec<_> = rows[0]
            .spans
            .iter()
            .filter(|it| !it.content.is_empty())
            .collect();
        assert_eq!(spans[0].content, "no");
        assert_eq!(
            spans[0].style,
            Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
        );
        assert_eq!(spans[1].content, " yes[2J\u{fffd}");
        assert_eq!(spans[1].style, Style::new());
    }
}
