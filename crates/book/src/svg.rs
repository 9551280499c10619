//! Writing SVG: whole units, text that is measured before it is placed, nothing unescaped.
//!
//! Colours, fonts and line styles are the page's (`book/wirelab.css`, classes `wl-*`); without a
//! style sheet a picture is black lines and readable text.

/// Size of ordinary text in units, which are CSS pixels where the picture has its natural width.
pub(crate) const TEXT: i32 = 14;
/// Size of notes.
pub(crate) const NOTE: i32 = 13;
/// From one line to the next.
pub(crate) const LEAD: i32 = 18;

/// A picture in the making.
#[derive(Debug)]
pub(crate) struct Svg {
    width: i32,
    body: String,
}

/// What a picture is called and what it says, for those who do not see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// Unique in the page.
    pub(crate) id: &'a str,
    /// Class of the `svg` element.
    pub(crate) class: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
}

impl Svg {
    pub(crate) const fn new(width: i32) -> Self {
        Self {
            width,
            body: String::new(),
        }
    }

    pub(crate) fn rect(&mut self, [x, y, w, h]: [i32; 4], radius: i32, class: &str) {
        self.body += &format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" \
             rx=\"{radius}\"/>\n"
        );
    }

    pub(crate) fn circle(&mut self, x: i32, y: i32, radius: i32, class: &str) {
        self.body += &format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>\n");
    }

    pub(crate) fn path(&mut self, d: &str, class: &str) {
        self.body += &format!("<path class=\"{class}\" d=\"{d}\"/>\n");
    }

    /// Text whose base line begins at `(x, y)`.
    pub(crate) fn text(&mut self, x: i32, y: i32, class: &str, text: &str) {
        self.anchored(x, y, "start", class, text);
    }

    /// Text around `x` (`middle`), or up to it (`end`).
    pub(crate) fn anchored(&mut self, x: i32, y: i32, anchor: &str, class: &str, text: &str) {
        let anchor = match anchor {
            "start" => String::new(),
            anchor => format!(" text-anchor=\"{anchor}\""),
        };
        let text = escape(text);
        self.body +=
            &format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}>{text}</text>\n");
    }

    /// The element, without a blank line in it, as Markdown wants its HTML.
    pub(crate) fn finish(self, height: i32, about: About<'_>) -> String {
        let About {
            id,
            class,
            title,
            description,
        } = about;
        let (title, description) = (escape(title), escape(description));
        format!(
            "<svg class=\"wl {class}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
             xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {height}\" width=\"{w}\" \
             height=\"{height}\" font-size=\"{TEXT}\" fill=\"none\" stroke=\"currentColor\">\n\
             <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>\n\
             {body}</svg>\n",
            w = self.width,
            body = self.body,
        )
    }
}

/// For text and for attributes in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Breaks a text into lines that fit `width` at `size`; a word that is longer than a line is broken
/// as well.
pub(crate) fn wrap(text: &str, size: i32, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if measure(&longer, size) <= width {
                *line = longer;
                continue;
            }
        }
        lines.extend(pieces(word, size, width));
    }
    lines
}

/// A word in pieces that fit, broken behind a mark where it has one.
fn pieces(word: &str, size: i32, width: i32) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let last = pieces.last_mut().expect("never empty");
        last.push(c);
        if measure(last, size) <= width || last.chars().count() == 1 {
            continue;
        }
        let before = last.len() - c.len_utf8();
        let mark = last[..before].rfind([':', '/', '-', '_', '.', ',']);
        let rest = last.split_off(mark.map_or(before, |at| at + 1));
        pieces.push(rest);
    }
    pieces
}

/// Width of a text in units: that of a wide sans-serif face, so that a narrower one fits as well.
pub(crate) fn measure(text: &str, size: i32) -> i32 {
    let em: i32 = text.chars().map(milli_em).sum();
    // Notes are not bold.
    let em = if size == NOTE { em * 94 / 100 } else { em };
    (em * size + 999) / 1000
}

/// Advance widths of Open Sans in half bold, rounded up, in thousandths of the size.
const fn milli_em(c: char) -> i32 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 310,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '"' | '*' => 460,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '→' | '←' | '✓' | '✗' => 1000,
        'A'..='Z' => 760,
        _ => 620,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_fit_and_lose_nothing() {
        let text = "matched inbound rule * deny all of a-name-that-is-longer-than-any-line-here";
        let lines = wrap(text, NOTE, 120);
        assert!(
            lines.iter().all(|line| measure(line, NOTE) <= 120),
            "{lines:?}"
        );
        let glued = lines.concat().replace(' ', "");
        assert_eq!(glued, text.replace(' ', ""));
    }

    #[test]
    fn nothing_in_a_picture_is_markup_by_accident() {
        let mut svg = Svg::new(10);
        svg.text(0, 0, "wl-name", "<script>&\"\n\n");
        let about = About {
            id: "a",
            class: "c",
            title: "<t>",
            description: "d\n\ne",
        };
        let text = svg.finish(10, about);
        assert!(text.contains("&lt;script&gt;&amp;&quot;"));
        assert!(!text.contains("\n\n"), "{text}");
    }
}
