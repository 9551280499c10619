//! A text as words: each with its style, and as wide as it is on a screen.

use anstyle::{AnsiColor, Style};

use super::PLAIN;

/// Words between which a line may end.
pub(super) type Words = Vec<Word>;

/// A word as it is written, and its columns.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) width: usize,
}

const CODE: Style = AnsiColor::Cyan.on_default();

/// The words of a line of Markdown; `name` is what a link's target is called, if anything.
pub(super) fn of(text: &str, name: &dyn Fn(&str) -> Option<String>) -> Words {
    let mut writer = Writer::default();
    inline(text, PLAIN, name, &mut writer);
    writer.end_word();
    writer.words
}

/// The words as a line without styles of its own.
pub(super) fn plain(words: &Words) -> String {
    let texts: Vec<String> = words
        .iter()
        .map(|word| anstream::adapter::strip_str(&word.text).to_string())
        .collect();
    texts.join(" ")
}

/// Lines of at most `width` columns; a word that is wider has one of its own.
pub(super) fn wrapped(words: &Words, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in words {
        if used > 0 && used + 1 + word.width > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line += &word.text;
        used += word.width;
    }
    if used > 0 {
        lines.push(line);
    }
    lines
}

#[derive(Default)]
struct Writer {
    words: Words,
    text: String,
    width: usize,
    /// The style in which the word's last character is.
    style: Style,
}

impl Writer {
    fn put(&mut self, text: &str, style: Style) {
        for c in text.chars() {
            if c.is_whitespace() {
                self.end_word();
                continue;
            }
            if style != self.style {
                self.text += &format!("{:#}{style}", self.style);
                self.style = style;
            }
            self.text.push(c);
            self.width += 1;
        }
    }

    fn end_word(&mut self) {
        if self.width > 0 {
            let text = std::mem::take(&mut self.text) + &format!("{:#}", self.style);
            let width = std::mem::take(&mut self.width);
            self.words.push(Word { text, width });
        }
        self.style = PLAIN;
    }
}

/// Code, bold, emphasis, links; whatever else is text.
fn inline(text: &str, style: Style, name: &dyn Fn(&str) -> Option<String>, out: &mut Writer) {
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[', '\\']) {
        out.put(&rest[..at], style);
        rest = &rest[at..];
        let after = code(rest, out)
            .or_else(|| strong(rest, style, name, out))
            .or_else(|| link(rest, style, name, out))
            .or_else(|| escaped(rest, style, out));
        rest = after.unwrap_or_else(|| {
            out.put(&rest[..1], style);
            &rest[1..]
        });
    }
    out.put(rest, style);
}

/// `` `code` ``, with as many marks as it begins with; what is behind it.
fn code<'t>(text: &'t str, out: &mut Writer) -> Option<&'t str> {
    let marks = text.len() - text.trim_start_matches('`').len();
    if marks == 0 {
        return None;
    }
    let (mark, inner) = text.split_at(marks);
    let end = inner.find(mark)?;
    out.put("`", CODE);
    out.put(inner[..end].trim(), CODE);
    out.put("`", CODE);
    Some(&inner[end + marks..])
}

/// `**bold**` and `*emphasis*`.
fn strong<'t>(
    text: &'t str,
    style: Style,
    name: &dyn Fn(&str) -> Option<String>,
    out: &mut Writer,
) -> Option<&'t str> {
    for (mark, style) in [("**", style.bold()), ("*", style.italic())] {
        let Some(inner) = text.strip_prefix(mark) else {
            continue;
        };
        let is_open = inner.starts_with(|c: char| !c.is_whitespace());
        if let Some(end) = inner.find(mark).filter(|end| is_open && *end > 0) {
            inline(&inner[..end], style, name, out);
            return Some(&inner[end + mark.len()..]);
        }
    }
    None
}

/// `[text](target)`.
fn link<'t>(
    text: &'t str,
    style: Style,
    name: &dyn Fn(&str) -> Option<String>,
    out: &mut Writer,
) -> Option<&'t str> {
    let inner = text.strip_prefix('[')?;
    let (label, rest) = inner.split_once("](")?;
    let (target, rest) = rest.split_once(')')?;
    if label.contains('[') {
        return None;
    }
    inline(label, style, name, out);
    if let Some(name) = name(target) {
        out.put(&format!(" [{name}]"), style.dimmed());
    }
    Some(rest)
}

/// `\|`, `\*`: the character as it is.
fn escaped<'t>(text: &'t str, style: Style, out: &mut Writer) -> Option<&'t str> {
    let inner = text.strip_prefix('\\')?;
    let c = inner.chars().next().filter(char::is_ascii_punctuation)?;
    out.put(&inner[..c.len_utf8()], style);
    Some(&inner[c.len_utf8()..])
}
