//! A body of XML as elements: as much of XML 1.0 as clients write.
//!
//! Elements, text, character references, CDATA and comments; of names the prefix is left out, and
//! attributes, which are namespaces, are passed over. Document types are refused, and with them
//! every entity but the five that XML has.

/// Deeper than any shape.
const DEPTH_AT_MOST: usize = 32;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

/// The root of a document; `None` if it is not well-formed, or more than is taken here.
pub(crate) fn read(text: &str) -> Option<Element> {
    let mut reading = Reading {
        rest: text.trim_start_matches('\u{feff}'),
    };
    reading.between()?;
    let root = reading.element(0)?;
    reading.between()?;
    reading.rest.is_empty().then_some(root)
}

struct Reading<'t> {
    rest: &'t str,
}

impl<'t> Reading<'t> {
    fn passes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// What stands before `end`, which is passed, too.
    fn until(&mut self, end: &str) -> Option<&'t str> {
        let (before, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(before)
    }

    /// Passes what may stand outside the root.
    fn between(&mut self) -> Option<()> {
        loop {
            self.rest = self.rest.trim_start();
            if self.passes("<?") {
                self.until("?>")?;
            } else if self.passes("<!--") {
                self.until("-->")?;
            } else {
                return Some(());
            }
        }
    }

    fn element(&mut self, depth: usize) -> Option<Element> {
        if depth > DEPTH_AT_MOST || !self.passes("<") {
            return None;
        }
        let (name, is_empty) = self.start()?;
        let mut element = Element {
            name: bare(name).to_owned(),
            ..Element::default()
        };
        if is_empty {
            return Some(element);
        }
        loop {
            let before = self.rest.find('<')?;
            let (text, rest) = self.rest.split_at(before);
            self.rest = rest;
            plain(text, &mut element.text)?;
            if self.passes("</") {
                let end = self.until(">")?;
                return (end.trim_end() == name).then_some(element);
            } else if self.passes("<!--") {
                self.until("-->")?;
            } else if self.passes("<![CDATA[") {
                element.text += self.until("]]>")?;
            } else if self.passes("<?") {
                self.until("?>")?;
            } else {
                element.children.push(self.element(depth + 1)?);
            }
        }
    }

    /// The name in a start tag behind its `<`, and whether the tag is an element's end as well.
    fn start(&mut self) -> Option<(&'t str, bool)> {
        let end = self
            .rest
            .find(|it: char| it.is_whitespace() || "/>".contains(it))?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if name.is_empty() || name.contains(['<', '!', '&', '"', '\'']) {
            return None;
        }
        loop {
            self.rest = self.rest.trim_start();
            if self.passes("/>") {
                return Some((name, true));
            }
            if self.passes(">") {
                return Some((name, false));
            }
            let attribute = self.until("=")?;
            if attribute.is_empty() || attribute.contains(['<', '>', '/']) {
                return None;
            }
            self.rest = self.rest.trim_start();
            let quote = if self.passes("\"") { "\"" } else { "'" };
            if quote == "'" && !self.passes("'") {
                return None;
            }
            self.until(quote)?;
        }
    }
}

fn bare(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Text with its references replaced.
fn plain(text: &str, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let (name, behind) = behind.split_once(';')?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            name => reference(name)?,
        });
        rest = behind;
    }
    out.push_str(rest);
    Some(())
}

/// `#38` or `#x26`.
fn reference(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let number = match digits.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    char::from_u32(number.ok()?).filter(|it| *it != '\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_texts_are_read() {
        let text = "<?xml version='1.0'?>\n<!-- x --><n:A xmlns:n=\"u>\" b = '1'>\
                    <B>a&amp;b&#x3c;<![CDATA[<&]]></B><C/><B ></B >\n</n:A>";
        let root = read(text).expect("it is well-formed");
        let names: Vec<_> = root.children.iter().map(|it| it.name.as_str()).collect();
        assert_eq!((root.name.as_str(), names), ("A", vec!["B", "C", "B"]));
        assert_eq!(root.children[0].text, "a&b<<&");
    }

    #[test]
    fn what_is_not_well_formed_is_none() {
        for text in [
            "",
            "x",
            "<A>",
            "<A></B>",
            "<A/><B/>",
            "<A>&no;</A>",
            "<A>&#0;</A>",
            "<A b></A>",
            "<!DOCTYPE A><A/>",
            "<A",
            "< A/>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"<A>".repeat(100_000)), None);
    }
}
