//! A page of the book as a terminal shows it.
//!
//! Of Markdown what the book uses: headings, paragraphs, lists, quotations, tables, fenced code,
//! and in lines code, bold, emphasis and links. Text is wrapped, columns of tables too; code stays
//! as it is. A link to a page is followed by the name that `wirelab book` takes. What the
//! preprocessor draws is named here, and its quizzes are asked, with the answers at the page's end.

use anstyle::Style;

use super::pages::Book;
use crate::terminal::{bold, dim};

mod quiz;
mod table;
mod words;

use words::{Words, wrapped};

/// The page `path` (`way/mtu`) in lines of `width` columns; `whole`: what it folds as well.
pub(super) fn page(book: &Book, path: &str, width: usize, whole: bool) -> String {
    let markdown = book.markdown(path).unwrap_or_default();
    let markdown = quiz::asked(book, markdown);
    let mut writer = Writer {
        book,
        path,
        width,
        whole,
        text: String::new(),
    };
    writer.blocks(&markdown);
    writer.text
}

struct Writer<'b> {
    book: &'b Book,
    path: &'b str,
    width: usize,
    whole: bool,
    text: String,
}

/// What a line without blank lines around it belongs to.
enum Line<'l> {
    Blank,
    Fence,
    Heading(&'l str),
    Row(&'l str),
    Quote(&'l str),
    /// Where its text begins, its mark, its text.
    Item(usize, &'l str, &'l str),
    Directive(&'l str),
    /// A line of HTML alone, which shows nothing; what a `summary` says is shown.
    Html(&'l str),
    Text(&'l str),
}

impl Writer<'_> {
    fn blocks(&mut self, markdown: &str) {
        let mut lines = markdown.lines().peekable();
        while let Some(line) = lines.next() {
            match kind(line) {
                Line::Blank => self.gap(),
                Line::Fence => {
                    let code = lines.by_ref().take_while(|it| !it.starts_with("```"));
                    code.for_each(|line| self.code(line));
                }
                Line::Heading(text) => {
                    self.gap();
                    let text = words::plain(&self.words(text));
                    self.line(&bold(text));
                }
                Line::Directive(inner) => self.line(&dim(named(inner))),
                Line::Html("<details>") if !self.whole => {
                    let folded = take(&mut lines, |it| it != "</details>");
                    let said = folded.iter().find_map(|line| summary(line));
                    let said = said.unwrap_or("more");
                    let count = folded.len();
                    self.line(&dim(format!(
                        "[folded: {said}, {count} lines; --all shows them]"
                    )));
                }
                Line::Html(line) => {
                    if let Some(said) = summary(line) {
                        self.line(&bold(format!("{said}:")));
                    }
                }
                Line::Row(first) => {
                    let rest = take(&mut lines, |it| matches!(kind(it), Line::Row(_)));
                    let rows: Vec<Vec<Words>> = std::iter::once(first)
                        .chain(rest)
                        .filter(|row| !table::is_rule(row))
                        .map(|row| table::cells(row).map(|cell| self.words(&cell)).collect())
                        .collect();
                    self.text += &table::print(&rows, self.width);
                }
                Line::Quote(first) => {
                    let rest = take(&mut lines, |it| it.starts_with('>'));
                    let rest = rest.into_iter().map(|it| it.trim_start_matches(['>', ' ']));
                    let text: Vec<_> = std::iter::once(first).chain(rest).collect();
                    self.paragraph("  ", "  ", &text.join(" "));
                }
                Line::Item(indent, mark, first) => {
                    let rest = take(&mut lines, |it| matches!(kind(it), Line::Text(_)));
                    let text: Vec<_> = std::iter::once(first)
                        .chain(rest.into_iter().map(str::trim))
                        .collect();
                    let before = format!("{:indent$}{mark} ", "");
                    let hanging = " ".repeat(before.chars().count());
                    self.paragraph(&before, &hanging, &text.join(" "));
                }
                Line::Text(first) => {
                    let rest = take(&mut lines, |it| matches!(kind(it), Line::Text(_)));
                    let indent = first.len() - first.trim_start().len();
                    let indent = " ".repeat(indent);
                    let text: Vec<_> = std::iter::once(first).chain(rest).map(str::trim).collect();
                    self.paragraph(&indent, &indent, &text.join(" "));
                }
            }
        }
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        self.text.push('\n');
    }

    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    /// One blank line, never two, none at the beginning.
    fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn code(&mut self, line: &str) {
        match line.strip_prefix("$ ") {
            Some(command) => self.line(&format!("    $ {}", bold(command))),
            None => self.line(format!("    {line}").trim_end()),
        }
    }

    fn paragraph(&mut self, first: &str, rest: &str, text: &str) {
        let words = self.words(text);
        let room = self.width.saturating_sub(rest.chars().count());
        for (at, line) in wrapped(&words, room).into_iter().enumerate() {
            let before = if at == 0 { first } else { rest };
            self.line(&format!("{before}{line}"));
        }
    }

    fn words(&self, text: &str) -> Words {
        words::of(text, &|target| self.book.name_of_link(self.path, target))
    }
}

/// The lines from here on for which something holds.
fn take<'l>(
    lines: &mut std::iter::Peekable<std::str::Lines<'l>>,
    holds: impl Fn(&str) -> bool,
) -> Vec<&'l str> {
    let mut taken = Vec::new();
    while let Some(line) = lines.next_if(|line| holds(line)) {
        taken.push(line);
    }
    taken
}

fn kind(line: &str) -> Line<'_> {
    let bare = line.trim();
    if bare.is_empty() {
        return Line::Blank;
    }
    if line.starts_with("```") {
        return Line::Fence;
    }
    if let Some(text) = line.strip_prefix('#') {
        return Line::Heading(text.trim_start_matches('#').trim());
    }
    if bare.starts_with('|') {
        return Line::Row(bare);
    }
    if let Some(text) = line.strip_prefix('>') {
        return Line::Quote(text.trim());
    }
    if let Some(inner) = bare.strip_prefix("{{#") {
        return Line::Directive(inner.trim_end_matches("}}"));
    }
    if bare.starts_with('<') && bare.ends_with('>') {
        return Line::Html(bare);
    }
    let indent = line.len() - line.trim_start().len();
    match item(bare) {
        Some((mark, text)) => Line::Item(indent, mark, text),
        None => Line::Text(line),
    }
}

/// `- text`, `12. text`.
fn item(bare: &str) -> Option<(&str, &str)> {
    let (mark, text) = bare.split_once(' ')?;
    let number = mark.strip_suffix('.').unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    (mark == "-" || is_number).then_some((mark, text))
}

/// What a `summary` element says.
fn summary(line: &str) -> Option<&str> {
    let said = line.strip_prefix("<summary>")?;
    Some(said.strip_suffix("</summary>").unwrap_or(said))
}

/// What stands for a picture: where it can be seen, or the command that says the same.
fn named(inner: &str) -> String {
    let mut words = inner.split_whitespace();
    let (kind, lab) = (words.next(), words.next().unwrap_or_default());
    let keys: Vec<(&str, &str)> = words.filter_map(|it| it.split_once('=')).collect();
    let get = |key| keys.iter().find(|it| it.0 == key).map(|it| it.1);
    let seed = get("seed").unwrap_or_default();
    match (kind, get("from"), get("to")) {
        (Some("journey"), Some(from), Some(to)) => {
            let more = |key| get(key).map_or_else(String::new, |it| format!(" --{key} {it}"));
            let more = ["size", "source-port"].map(more).concat();
            format!("[picture: `wirelab path {from} {to}{more}` in {lab}, seed {seed}]")
        }
        _ => {
            format!("[picture: the network of {lab}, seed {seed}; `wirelab book --open` shows it]")
        }
    }
}

/// No style at all.
const PLAIN: Style = Style::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_shown_without_marks_of_markdown_within_the_width() {
        let book = Book::of_binary().expect("the binary holds the book");
        for found in book.pages() {
            let text = page(&book, &found.path, 80, true);
            let text = anstream::adapter::strip_str(&text).to_string();
            assert!(text.len() > 40, "{}", found.path);
            for line in text.lines().filter(|line| !line.starts_with("    ")) {
                let where_ = format!("{}: {line}", found.path);
                assert!(!line.contains("](") && !line.contains("{{#"), "{where_}");
                assert!(!line.contains("**"), "{where_}");
            }
        }
    }

    #[test]
    fn blocks_become_lines() {
        let book = Book::of_binary().expect("the binary holds the book");
        let mut writer = Writer {
            book: &book,
            path: "way/mtu",
            width: 44,
            whole: false,
            text: String::new(),
        };
        writer.blocks(
            "# One\n\nSee [addresses](addresses.md), **now**,\nand \
             [AWS](https://aws.amazon.com/).\n\n\
             - first of two\n  lines\n1. `a *b*` stays\n\n```console\n$ ls\na  b\n```\n\n\
             | a | long heading |\n| --- | --- |\n\
             | `x\\|y` | a cell that has more words than fit |\n\n\
             <details>\n<summary>More of it</summary>\n\nhidden\n\n</details>\n\n\
             {{#journey lab seed=3 from=a to=b:1/tcp size=9}}\n",
        );
        let text = anstream::adapter::strip_str(&writer.text).to_string();
        insta::assert_snapshot!(text);
    }
}
