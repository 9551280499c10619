//! Fields: a message cut at blanks, where a piece may stand in quotation marks or brackets.

use super::compare::{Comparison, Operator, Regexes};
use super::lex::Cursor;
use super::{Extracted, PatternError};

/// The fields of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// Before `...`, or all.
    first: Vec<Field>,
    /// Behind `...`, if that is there.
    last: Option<Vec<Field>>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    /// Alternatives (`||`) of conditions that must all hold (`&&`); none: anything will do.
    conditions: Vec<Vec<Comparison>>,
}

impl Fields {
    pub(super) fn parse(text: &str, regexes: &mut Regexes) -> Result<Self, PatternError> {
        let mut cursor = Cursor::new(text);
        cursor.take("[");
        let mut fields = Self {
            first: Vec::new(),
            last: None,
        };
        if !cursor.take("]") {
            fields.take(&mut cursor, regexes)?;
        }
        cursor.skip_blanks();
        match cursor.is_at_end() {
            true => Ok(fields),
            false => Err(PatternError::new(format!(
                "'{}' stands behind ]",
                cursor.rest()
            ))),
        }
    }

    /// Takes the fields and the bracket behind them.
    fn take(&mut self, cursor: &mut Cursor<'_>, regexes: &mut Regexes) -> Result<(), PatternError> {
        loop {
            if cursor.take("...") {
                if self.last.replace(Vec::new()).is_some() {
                    return Err(PatternError::new("... stands there twice"));
                }
            } else {
                let field = Field::take(cursor, regexes)?;
                self.last.as_mut().unwrap_or(&mut self.first).push(field);
            }
            if cursor.take("]") {
                return Ok(());
            }
            if !cursor.take(",") {
                let why = match cursor.rest() {
                    "" => "there is no closing ]".to_owned(),
                    rest => format!("a comma or ] is wanted before '{rest}'"),
                };
                return Err(PatternError::new(why));
            }
        }
    }

    pub(super) fn extract(&self, message: &str) -> Option<Extracted> {
        let pieces = pieces(message);
        let named = self.first.len() + self.last.as_ref().map_or(0, Vec::len);
        let fits = match self.last {
            Some(_) => pieces.len() >= named,
            None => pieces.len() == named,
        };
        if !fits {
            return None;
        }
        let skipped = pieces.len() - named;
        let mut extracted = Extracted::new();
        for (at, piece) in pieces.iter().enumerate() {
            let last = self.last.as_deref().unwrap_or_default();
            let field = match at.checked_sub(self.first.len()) {
                None => Some(&self.first[at]),
                Some(beyond) => beyond.checked_sub(skipped).map(|at| &last[at]),
            };
            if field.is_some_and(|field| !field.holds(piece)) {
                return None;
            }
            let name = match field {
                Some(field) => format!("${}", field.name),
                None => format!("${}", at + 1),
            };
            extracted.insert(name, (*piece).to_owned());
        }
        Some(extracted)
    }

    /// Whether a field is called `name`, or `...` may hold it.
    pub(super) fn names(&self, name: &str) -> bool {
        let name = name.trim_start_matches('$');
        let mut fields = self.first.iter().chain(self.last.iter().flatten());
        fields.any(|it| it.name == name) || (self.last.is_some() && name.parse::<u16>().is_ok())
    }

    pub(super) fn has_regex(&self) -> bool {
        let fields = self.first.iter().chain(self.last.iter().flatten());
        let mut conditions = fields.flat_map(|it| it.conditions.iter().flatten());
        conditions.any(Comparison::has_regex)
    }
}

impl Field {
    fn take(cursor: &mut Cursor<'_>, regexes: &mut Regexes) -> Result<Self, PatternError> {
        let name = take_name(cursor);
        let mut field = Self {
            name: name.to_owned(),
            conditions: Vec::new(),
        };
        let Some(operator) = Operator::take(cursor) else {
            return match name {
                "" if cursor.is_at_end() => Err(PatternError::new("there is no closing ]")),
                "" => Err(PatternError::new("a field has no name")),
                _ => Ok(field),
            };
        };
        let ends = |it: char| ",]|&".contains(it);
        let comparison = Comparison::take(operator, cursor, regexes, ends)?;
        field.conditions.push(vec![comparison]);
        loop {
            let either = cursor.take("||");
            if !either && !cursor.take("&&") {
                return Ok(field);
            }
            let other = take_name(cursor);
            if other != name {
                let why = format!("a condition on '{name}' goes on with another field, '{other}'");
                return Err(PatternError::new(why));
            }
            let operator = Operator::take(cursor);
            let operator = operator
                .ok_or_else(|| PatternError::new(format!("'{name}' has no condition behind it")))?;
            let comparison = Comparison::take(operator, cursor, regexes, ends)?;
            match field.conditions.last_mut().filter(|_| !either) {
                Some(all) => all.push(comparison),
                None => field.conditions.push(vec![comparison]),
            }
        }
    }

    fn holds(&self, piece: &str) -> bool {
        let mut alternatives = self.conditions.iter();
        let all = |it: &Vec<Comparison>| it.iter().all(|it| it.holds(piece));
        self.conditions.is_empty() || alternatives.any(all)
    }
}

fn take_name<'t>(cursor: &mut Cursor<'t>) -> &'t str {
    cursor.skip_blanks();
    cursor.take_while(|it| it.is_alphanumeric() || "_-/".contains(it))
}

/// The pieces of a message.
fn pieces(message: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let closed = close.and_then(|close| rest[1..].find(close));
        let (piece, behind) = match closed {
            Some(end) => (&rest[1..=end], &rest[end + 2..]),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        pieces.push(piece);
        rest = behind.trim_start();
    }
    pieces
}
