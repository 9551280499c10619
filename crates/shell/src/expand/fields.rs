//! Word splitting.

use super::Bit;

/// A field that is being made: its parts, and whether each is quoted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field(pub(super) Vec<(String, bool)>);

impl Field {
    fn push(&mut self, text: &str, quoted: bool) {
        match self.0.last_mut() {
            Some((last, was)) if *was == quoted => last.push_str(text),
            _ => self.0.push((text.to_owned(), quoted)),
        }
    }

    pub(super) fn text(&self) -> String {
        self.0.iter().map(|it| it.0.as_str()).collect()
    }
}

/// The fields of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<String>);

impl Fields {
    /// A field, or the names that it stands for.
    pub(super) fn push(&mut self, field: Field, names: Option<Vec<String>>) {
        match names {
            Some(names) => self.0.extend(names),
            None => self.0.push(field.text()),
        }
    }

    pub(crate) fn into_texts(self) -> Vec<String> {
        self.0
    }
}

/// Splits what expansions gave (XCU 2.6.5).
pub(super) fn split(bits: Vec<Bit>, separators: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut field: Option<Field> = None;
    // A blank has ended the last field, so that a separator right after it ends no other.
    let mut blank = false;
    for bit in bits {
        match bit {
            Bit::Literal(text) => field.get_or_insert_default().push(&text, false),
            Bit::Quoted(text) => field.get_or_insert_default().push(&text, true),
            Bit::Break => {
                fields.extend(field.take());
                blank = false;
            }
            Bit::Split(text) => {
                for letter in text.chars() {
                    if !separators.contains(letter) {
                        let mut octets = [0; 4];
                        let text = letter.encode_utf8(&mut octets);
                        field.get_or_insert_default().push(text, false);
                        blank = false;
                    } else if " \t\n".contains(letter) {
                        blank |= field.is_some();
                        fields.extend(field.take());
                    } else {
                        match field.take() {
                            Some(field) => fields.push(field),
                            None if !blank => fields.push(Field::default()),
                            None => {}
                        }
                        blank = false;
                    }
                }
            }
        }
    }
    fields.extend(field);
    fields
}

/// The words of a line for `read`: so many, the last of which takes what is left.
pub(crate) fn read_words(line: &[(char, bool)], separators: &str, most: usize) -> Vec<String> {
    let is_separator = |it: &(char, bool)| !it.1 && separators.contains(it.0);
    let is_blank = |it: &(char, bool)| is_separator(it) && " \t\n".contains(it.0);
    let mut words = Vec::new();
    let mut at = line.iter().take_while(|it| is_blank(it)).count();
    let mut end = line.len();
    while end > at && is_blank(&line[end - 1]) {
        end -= 1;
    }
    let text = |from: usize, to: usize| line[from..to].iter().map(|it| it.0).collect::<String>();
    while at < end && words.len() + 1 < most {
        let from = at;
        while at < end && !is_separator(&line[at]) {
            at += 1;
        }
        words.push(text(from, at));
        while at < end && is_blank(&line[at]) {
            at += 1;
        }
        if at < end && is_separator(&line[at]) && !is_blank(&line[at]) {
            at += 1;
            while at < end && is_blank(&line[at]) {
                at += 1;
            }
        }
    }
    if at < end || words.len() < most {
        let mut rest = text(at, end);
        // One separator at the end belongs to the last word.
        let inner = rest.trim_end_matches(|it| separators.contains(it));
        if rest.len() == inner.len() + 1 && !inner.contains(|it| separators.contains(it)) {
            rest.truncate(inner.len());
        }
        words.push(rest);
    }
    words
}
