//! Lines that are wider than the screen, broken where a person would break them.
//!
//! At a gap of two spaces or more first, since what follows is a column of its own, else at words.
//! What is left stands below where the text began: a quotation keeps its `>`, a paragraph its
//! margin, an item of a list and what is indented further hang by two.

/// Where a column ends.
const GAP: &str = "  ";

/// `text` in lines of `width` columns at most, less words that are wider. Colours take no room.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let mut fitted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (bare, end) = match line.strip_suffix('\n') {
            Some(bare) => (bare, "\n"),
            None => (line, ""),
        };
        if columns(bare) <= width {
            fitted += bare;
        } else {
            fitted += &broken(bare, width).join("\n");
        }
        fitted += end;
    }
    fitted
}

/// A page that was written for long lines, its paragraphs in one line each, for a screen that
/// breaks lines itself. Where a line ends although the next word would have fit, it was meant to.
pub(crate) fn joined(page: &str) -> String {
    let mut joined = String::new();
    let mut last = ("", 0);
    for line in page.lines() {
        let (lead, text) = lead(line);
        let word = text.split(' ').next().unwrap_or_default();
        let goes_on = last.0 == lead
            && !text.is_empty()
            && last.1 + 1 + word.chars().count() > WRITTEN_FOR
            && !word.starts_with(['-', '*', '|', '#', '`']);
        if goes_on {
            joined += &format!(" {text}");
        } else {
            if last != ("", 0) || !joined.is_empty() {
                joined.push('\n');
            }
            joined += line;
        }
        last = (lead, line.chars().count());
    }
    joined + "\n"
}

/// Pages have lines of about so many columns.
const WRITTEN_FOR: usize = 90;

/// The indentation of a line, with the marks of a quotation, and the rest.
fn lead(line: &str) -> (&str, &str) {
    let text = line.trim_start_matches([' ', '>']);
    line.split_at(line.len() - text.len())
}

/// As [`fit`], for the terminal that stdout is; elsewhere lines stay as they are.
pub(crate) fn to_terminal(text: &str) -> String {
    match crate::terminal::width() {
        Some(width) => fit(text, width),
        None => text.to_owned(),
    }
}

/// A page that was written for long lines, for the terminal that stdout is.
pub(crate) fn page_to_terminal(page: &str) -> String {
    match crate::terminal::width() {
        Some(width) => fit(&joined(page), width),
        None => page.to_owned(),
    }
}

/// The columns that a text takes, without colours.
fn columns(text: &str) -> usize {
    let plain = anstream::adapter::strip_str(text).to_string();
    ratatui_core::text::Span::raw(plain).width()
}

fn broken(line: &str, width: usize) -> Vec<String> {
    let (lead, body) = lead(line);
    let mut rows = Vec::new();
    let mut rest = body;
    let mut margin = lead.to_owned();
    if let Some((first, column)) = at_gap(lead, body, width) {
        rows.push(format!("{lead}{}", first.trim_end()));
        rest = column;
        margin = hanging(lead, 4, width);
    }
    let hang = if rows.is_empty() { hang(lead, body) } else { 0 };
    let mut row = margin.clone();
    let mut is_empty = true;
    for word in rest.split(' ').filter(|word| !word.is_empty()) {
        if !is_empty && columns(&row) + 1 + columns(word) > width {
            rows.push(std::mem::take(&mut row));
            row = hanging(&margin, hang, width);
            is_empty = true;
        }
        if !is_empty {
            row.push(' ');
        }
        row += word;
        is_empty = false;
    }
    rows.push(row);
    rows
}

/// The columns that fit, and the others.
fn at_gap<'l>(lead: &str, body: &'l str, width: usize) -> Option<(&'l str, &'l str)> {
    let gaps = body.match_indices(GAP).map(|(at, _)| at);
    let fits = |at: &usize| columns(lead) + columns(&body[..*at]) <= width;
    let at = gaps.take_while(fits).last()?;
    let (first, rest) = (body[..at].trim_end(), body[at..].trim_start());
    (!first.is_empty() && !rest.is_empty()).then_some((first, rest))
}

/// By how much the following lines are indented more.
fn hang(lead: &str, body: &str) -> usize {
    let number = body.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_item = ["- ", "* "].iter().any(|mark| body.starts_with(mark))
        || (number.len() < body.len() && number.starts_with(". "));
    match lead.contains('>') {
        true => 0,
        false if is_item || lead.len() > 2 => 2,
        false => 0,
    }
}

/// The margin and so many spaces, unless too little room would be left.
fn hanging(margin: &str, hang: usize, width: usize) -> String {
    let room = margin.chars().count() + hang;
    if room > width / 2 {
        return String::new();
    }
    format!("{margin}{}", " ".repeat(hang))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, width: usize) -> Vec<String> {
        fit(text, width).lines().map(str::to_owned).collect()
    }

    #[test]
    fn words_stay_whole_and_what_goes_on_stands_below_its_text() {
        assert_eq!(lines("  one two three", 10), ["  one two", "  three"]);
        assert_eq!(
            lines("     one two three", 14),
            ["     one two", "       three"]
        );
        assert_eq!(lines("- one two three", 10), ["- one two", "  three"]);
        assert_eq!(lines("  > one two three", 11), ["  > one two", "  > three"]);
        assert_eq!(lines("abcdefghij kl", 4), ["abcdefghij", "kl"]);
    }

    #[test]
    fn a_column_that_does_not_fit_goes_below_and_the_others_stay_where_they_are() {
        let line = "   ✓ office       1/1   it goes on as before";
        let wanted = [
            "   ✓ office       1/1",
            "       it goes on as",
            "       before",
        ];
        assert_eq!(lines(line, 24), wanted);
        let coloured = line.replace('✓', "\u{1b}[32m✓\u{1b}[0m");
        assert_eq!(fit(&coloured, 44), coloured);
    }

    #[test]
    fn paragraphs_are_joined_and_what_was_meant_to_end_ends() {
        let long = "word ".repeat(18);
        let page =
            format!("TICKET\n  > {long}\n  > and on.\n  >\n  > {long}\n\n  {long}\n  - item\n");
        let wanted = format!("TICKET\n  > {long} and on.\n  >\n  > {long}\n\n  {long}\n  - item\n");
        assert_eq!(joined(&page), wanted);
    }
}
