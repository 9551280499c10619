//! `pattern`: texts of one shape become one row.
//!
//! A text is cut into words and what stands between them. Words with a digit in them are dynamic;
//! texts whose other words agree have one shape. Shapes that differ in few words are one shape
//! whose differing words are dynamic too: `user ann logged in` and `user bob logged in` are `user
//! <Token-1> logged in`. A dynamic word that is the same in every text is printed as it is. The
//! service clusters by means of its own that it does not describe; the form of the result is its.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde_json::json;

use super::value::parse_number;
use crate::QueryError;
use crate::work;

/// Words of one text that are looked at; the rest counts as one.
const WORDS_MAX: usize = 200;
/// Shapes of one length that a further one is compared with.
const COMPARED_MAX: usize = 100;
/// Shapes that are kept until those near to each other become one.
const SHAPES_MAX: usize = 100_000;
/// Values of a dynamic word that are listed.
const VALUES_MAX: usize = 10;

/// A shape of texts.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// What stands before the first word, and after each.
    gaps: Vec<String>,
    words: Vec<Word>,
    /// How many texts have it: of the query's time, and of the time before.
    pub(super) counts: [u64; 2],
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Fixed(String),
    Dynamic {
        kind: &'static str,
        values: BTreeMap<String, u64>,
        /// There were more values than are listed.
        more: bool,
    },
}

/// The shapes of texts that come one by one.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// Where the shape of a text with these fixed words is.
    index: HashMap<String, usize>,
    shapes: Vec<Shape>,
}

impl Shapes {
    /// Adds a text of a period (0 or 1).
    ///
    /// # Errors
    /// If the texts have too many shapes to keep.
    pub(super) fn add(&mut self, text: &str, period: usize) -> Result<(), QueryError> {
        let (gaps, words) = cut(text);
        let mut key = String::with_capacity(text.len());
        for (gap, word) in gaps.iter().zip(words.iter().chain([&""])) {
            key.push_str(gap);
            key.push('\u{0}');
            key.push_str(if is_dynamic(word) { "\u{1}" } else { word });
        }
        if let Some(at) = self.index.get(&key) {
            self.shapes[*at].add(&words, period);
            return Ok(());
        }
        if self.shapes.len() == SHAPES_MAX {
            self.index.clear();
            self.shapes = merge(std::mem::take(&mut self.shapes))?;
            if self.shapes.len() > SHAPES_MAX / 2 {
                let message = format!("the texts have more than {SHAPES_MAX} shapes");
                return Err(QueryError::TooLarge(message));
            }
        }
        self.index.insert(key, self.shapes.len());
        self.shapes.push(Shape::new(&gaps, &words));
        if let Some(shape) = self.shapes.last_mut() {
            shape.add(&words, period);
        }
        Ok(())
    }

    /// All of them, those that are near to each other as one; the most frequent first.
    ///
    /// # Errors
    /// If comparing them is more work than the query may do.
    pub(super) fn merged(self) -> Result<Vec<Shape>, QueryError> {
        merge(self.shapes)
    }
}

impl Shape {
    fn new(gaps: &[&str], words: &[&str]) -> Self {
        let word = |word: &&str| match is_dynamic(word) {
            true => Word::Dynamic {
                kind: kind(word),
                values: BTreeMap::new(),
                more: false,
            },
            false => Word::Fixed((*word).to_owned()),
        };
        Self {
            gaps: gaps.iter().map(|gap| (*gap).to_owned()).collect(),
            words: words.iter().map(word).collect(),
            counts: [0; 2],
        }
    }

    fn add(&mut self, words: &[&str], period: usize) {
        self.counts[period] += 1;
        for (known, word) in self.words.iter_mut().zip(words) {
            known.add(kind(word), word, 1);
        }
    }

    fn total(&self) -> u64 {
        self.counts[0] + self.counts[1]
    }

    /// Whether the other differs in at most three of ten fixed words.
    fn is_near(&self, other: &Self) -> bool {
        let (mut fixed, mut differing) = (0, 0);
        for pair in self.words.iter().zip(&other.words) {
            match pair {
                (Word::Dynamic { .. }, Word::Dynamic { .. }) => {}
                (left, right) => {
                    fixed += 1;
                    differing += usize::from(left != right);
                }
            }
        }
        10 * differing <= 3 * fixed
    }

    fn absorb(&mut self, other: Self) {
        let (mine, theirs) = (self.total(), other.total());
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        for (word, other) in self.words.iter_mut().zip(other.words) {
            if *word == other {
                continue;
            }
            if let Word::Fixed(text) = word {
                *word = Word::Dynamic {
                    kind: "Token",
                    values: BTreeMap::from([(std::mem::take(text), mine)]),
                    more: false,
                };
            }
            match other {
                Word::Fixed(text) => word.add("Token", &text, theirs),
                Word::Dynamic { kind, values, more } => {
                    for (value, count) in values {
                        word.add(kind, &value, count);
                    }
                    if let Word::Dynamic { more: known, .. } = word {
                        *known |= more;
                    }
                }
            }
        }
    }

    /// The dynamic words in order: the word if it is always the same, and its name.
    fn named(&self) -> Vec<Result<&str, String>> {
        let mut number = 0;
        let names = self.words.iter().map(|word| match word {
            Word::Fixed(text) => Ok(text.as_str()),
            Word::Dynamic { values, more, .. }
                if !more && values.len() == 1 && self.total() > 1 =>
            {
                Ok(values.keys().next().map_or("", String::as_str))
            }
            Word::Dynamic { kind, .. } => {
                number += 1;
                Err(format!("<{kind}-{number}>"))
            }
        });
        names.collect()
    }

    /// The shape with `<Kind-n>` for its dynamic words.
    pub(super) fn text(&self) -> String {
        let mut text = self.gaps[0].clone();
        for (word, gap) in self.named().iter().zip(&self.gaps[1..]) {
            match word {
                Ok(fixed) => text.push_str(fixed),
                Err(name) => text.push_str(name),
            }
            text.push_str(gap);
        }
        text
    }

    /// A JSON list of the dynamic words and their values, with how often each was seen.
    pub(super) fn tokens(&self) -> String {
        let named = self.named();
        let dynamic = named.iter().zip(&self.words).filter_map(|pair| match pair {
            (Err(name), Word::Dynamic { values, .. }) => {
                Some(json!({ "token": name, "values": values }))
            }
            _ => None,
        });
        json!(dynamic.collect::<Vec<_>>()).to_string()
    }

    /// How bad the text says that it is.
    pub(super) fn severity(&self) -> &'static str {
        let levels = [
            ("Critical", &["FATAL", "CRITICAL", "PANIC", "EMERGENCY"][..]),
            ("Error", &["ERROR", "ERR", "EXCEPTION", "FAILED", "FAILURE"]),
            ("Warning", &["WARN", "WARNING"]),
            ("Info", &["INFO", "NOTICE"]),
            ("Debug", &["DEBUG", "TRACE"]),
        ];
        let has = |level: &[&str]| {
            self.words.iter().any(|word| match word {
                Word::Fixed(text) => level.iter().any(|name| text.eq_ignore_ascii_case(name)),
                Word::Dynamic { .. } => false,
            })
        };
        let found = levels.iter().find(|(_, words)| has(words));
        found.map_or("Unknown", |(label, _)| label)
    }
}

impl Word {
    fn add(&mut self, found: &'static str, value: &str, count: u64) {
        let Self::Dynamic { kind, values, more } = self else {
            return;
        };
        if *kind != found {
            *kind = "Token";
        }
        if let Some(known) = values.get_mut(value) {
            *known += count;
        } else if values.len() < VALUES_MAX {
            values.insert(value.to_owned(), count);
        } else {
            *more = true;
        }
    }
}

fn merge(mut shapes: Vec<Shape>) -> Result<Vec<Shape>, QueryError> {
    let order = |shape: &Shape| (u64::MAX - shape.total(), shape.text());
    shapes.sort_by_cached_key(order);
    let mut merged: Vec<Shape> = Vec::new();
    let mut alike: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
    for shape in shapes {
        let known = alike.entry(shape.gaps.clone()).or_default();
        let near = known.iter().take(COMPARED_MAX).copied();
        work::spend(near.len() * (1 + shape.words.len() / 16))?;
        match near.into_iter().find(|at| merged[*at].is_near(&shape)) {
            Some(at) => merged[at].absorb(shape),
            None => {
                known.push(merged.len());
                merged.push(shape);
            }
        }
    }
    merged.sort_by_cached_key(order);
    Ok(merged)
}

/// Words and what stands before, between and after them: one gap more than words.
fn cut(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut gaps, mut words) = (Vec::new(), Vec::new());
    let part_of_word = |c: char| c.is_alphanumeric() || "_.:/-@%+$*~\\".contains(c);
    let mut rest = text;
    loop {
        let gap = rest.find(part_of_word).unwrap_or(rest.len());
        gaps.push(&rest[..gap]);
        rest = &rest[gap..];
        if rest.is_empty() {
            return (gaps, words);
        }
        let end = rest.find(|c| !part_of_word(c)).unwrap_or(rest.len());
        // A colon or full stop at the end is none of the word.
        let word = rest[..end].trim_end_matches(['.', ':']);
        let word = if word.is_empty() { &rest[..end] } else { word };
        let word = if words.len() + 1 == WORDS_MAX {
            rest
        } else {
            word
        };
        words.push(word);
        rest = &rest[word.len()..];
    }
}

fn is_dynamic(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

fn kind(word: &str) -> &'static str {
    let only = |set: &str| word.chars().all(|c| c.is_ascii_digit() || set.contains(c));
    if word.parse::<IpAddr>().is_ok() {
        "IPAddress"
    } else if parse_number(word).is_some() {
        "Number"
    } else if word.len() > 4 && only("-:/.TZ+") && word.contains([':', '-', '/']) {
        "Time"
    } else if word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        "ID"
    } else {
        "Token"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<(String, u64)> {
        let mut shapes = Shapes::default();
        for text in texts {
            shapes.add(text, 0).expect("few shapes");
        }
        shapes
            .merged()
            .expect("nobody counts")
            .iter()
            .map(|shape| (shape.text(), shape.total()))
            .collect()
    }

    #[test]
    fn numbers_are_dynamic_and_what_never_changes_is_not() {
        let texts = ["GET /a took 5 ms (v2)", "GET /a took 17 ms (v2)", "stop"];
        let expected = [
            ("GET /a took <Number-1> ms (v2)".to_owned(), 2),
            ("stop".to_owned(), 1),
        ];
        assert_eq!(patterns(&texts), expected);
    }

    #[test]
    fn one_differing_word_of_many_is_dynamic_one_of_few_is_not() {
        let texts = ["user ann has logged in", "user bob has logged in"];
        let expected = [("user <Token-1> has logged in".to_owned(), 2)];
        assert_eq!(patterns(&texts), expected);
        assert_eq!(
            patterns(&["10.0.0.1 ACCEPT OK", "10.0.0.2 REJECT OK"]).len(),
            2
        );
    }

    #[test]
    fn any_text_is_put_together_again() {
        for text in ["", " ", "a", ":", " a. b: c ", "é=ü,", "a1"] {
            let (gaps, words) = cut(text);
            let words = words.into_iter().chain([""]);
            let again: String = gaps
                .into_iter()
                .zip(words)
                .map(|(g, w)| format!("{g}{w}"))
                .collect();
            assert_eq!(again, text);
        }
    }
}
