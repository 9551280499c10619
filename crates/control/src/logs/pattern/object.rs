//! JSON: conditions on members that selectors name.

use serde_json::Value;

use super::compare::{Comparison, Operator, Regexes};
use super::lex::Cursor;
use super::{Extracted, PatternError};

/// So deep parentheses may nest.
const DEPTH_AT_MOST: usize = 32;

/// A pattern in braces.
#[derive(Clone, Debug)]
pub(super) struct Object(Condition);

#[derive(Clone, Debug)]
enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Of(Selector, Question),
}

#[derive(Clone, Debug)]
enum Question {
    Compares(Comparison),
    IsNull,
    IsTrue,
    IsFalse,
    NotExists,
}

/// `$.user.names[0]`.
#[derive(Clone, Debug)]
struct Selector {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Element(usize),
}

impl Object {
    pub(super) fn parse(text: &str, regexes: &mut Regexes) -> Result<Self, PatternError> {
        let mut reading = Reading {
            cursor: Cursor::new(text),
            regexes,
            depth: 0,
        };
        reading.cursor.take("{");
        let condition = reading.any()?;
        if !reading.cursor.take("}") {
            let why = match reading.cursor.rest() {
                "" => "there is no closing }".to_owned(),
                rest => format!("&&, || or }} is wanted before '{rest}'"),
            };
            return Err(PatternError::new(why));
        }
        reading.cursor.skip_blanks();
        match reading.cursor.rest() {
            "" => Ok(Self(condition)),
            rest => Err(PatternError::new(format!("'{rest}' stands behind }}"))),
        }
    }

    pub(super) fn extract(&self, message: &str) -> Option<Extracted> {
        let object: Value = serde_json::from_str(message).ok()?;
        if !object.is_object() || !self.0.holds(&object) {
            return None;
        }
        let mut extracted = Extracted::new();
        self.0.extract(&object, &mut extracted);
        Some(extracted)
    }

    /// Whether a selector is written `name`.
    pub(super) fn names(&self, name: &str) -> bool {
        self.0.names(name)
    }

    pub(super) fn has_regex(&self) -> bool {
        self.0.has_regex()
    }
}

struct Reading<'t, 'r> {
    cursor: Cursor<'t>,
    regexes: &'r mut Regexes,
    depth: usize,
}

impl Reading<'_, '_> {
    fn any(&mut self) -> Result<Condition, PatternError> {
        let mut alternatives = vec![self.all()?];
        while self.cursor.take("||") {
            alternatives.push(self.all()?);
        }
        Ok(Condition::Any(alternatives))
    }

    fn all(&mut self) -> Result<Condition, PatternError> {
        let mut conditions = vec![self.one()?];
        while self.cursor.take("&&") {
            conditions.push(self.one()?);
        }
        Ok(Condition::All(conditions))
    }

    fn one(&mut self) -> Result<Condition, PatternError> {
        if self.cursor.take("(") {
            self.depth += 1;
            if self.depth > DEPTH_AT_MOST {
                let why = format!("parentheses nest more than {DEPTH_AT_MOST} deep");
                return Err(PatternError::new(why));
            }
            let inside = self.any()?;
            self.depth -= 1;
            return match self.cursor.take(")") {
                true => Ok(inside),
                false => Err(PatternError::new("there is no closing )")),
            };
        }
        let selector = Selector::take(&mut self.cursor)?;
        let question = self.question(&selector)?;
        Ok(Condition::Of(selector, question))
    }

    fn question(&mut self, selector: &Selector) -> Result<Question, PatternError> {
        let cursor = &mut self.cursor;
        if let Some(operator) = Operator::take(cursor) {
            let ends = |it: char| "})|&".contains(it);
            let comparison = Comparison::take(operator, cursor, self.regexes, ends)?;
            return Ok(Question::Compares(comparison));
        }
        if cursor.take_word("NOT") && cursor.take_word("EXISTS") {
            return Ok(Question::NotExists);
        }
        if cursor.take_word("IS") {
            let kinds = [
                ("NULL", Question::IsNull),
                ("TRUE", Question::IsTrue),
                ("FALSE", Question::IsFalse),
            ];
            if let Some((_, kind)) = kinds.into_iter().find(|(word, _)| cursor.take_word(word)) {
                return Ok(kind);
            }
        }
        Err(PatternError::new(format!(
            "{} has no condition: =, !=, <, >, <=, >=, IS NULL, IS TRUE, IS FALSE or NOT EXISTS",
            selector.text
        )))
    }
}

impl Condition {
    fn holds(&self, object: &Value) -> bool {
        match self {
            Self::All(all) => all.iter().all(|it| it.holds(object)),
            Self::Any(any) => any.iter().any(|it| it.holds(object)),
            Self::Of(selector, question) => question.holds(selector.find(object)),
        }
    }

    fn extract(&self, object: &Value, into: &mut Extracted) {
        match self {
            Self::All(each) | Self::Any(each) => {
                each.iter().for_each(|it| it.extract(object, into))
            }
            Self::Of(selector, _) => {
                if let Some(text) = selector.find(object).and_then(text) {
                    into.insert(selector.text.clone(), text);
                }
            }
        }
    }

    fn names(&self, name: &str) -> bool {
        match self {
            Self::All(each) | Self::Any(each) => each.iter().any(|it| it.names(name)),
            Self::Of(selector, _) => selector.text == name,
        }
    }

    fn has_regex(&self) -> bool {
        match self {
            Self::All(each) | Self::Any(each) => each.iter().any(Self::has_regex),
            Self::Of(_, Question::Compares(comparison)) => comparison.has_regex(),
            Self::Of(..) => false,
        }
    }
}

impl Question {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::NotExists, found) => found.is_none(),
            (Self::IsNull, Some(found)) => found.is_null(),
            (Self::IsTrue, Some(found)) => *found == Value::Bool(true),
            (Self::IsFalse, Some(found)) => *found == Value::Bool(false),
            (Self::Compares(comparison), Some(found)) => {
                text(found).is_some_and(|text| comparison.holds(&text))
            }
            (_, None) => false,
        }
    }
}

/// A scalar as it is compared.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Selector {
    fn take(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        cursor.skip_blanks();
        let begin = cursor.rest();
        if !cursor.take("$") {
            let why = format!("a selector begins with $, as in $.name, not '{begin}'");
            return Err(PatternError::new(why));
        }
        let mut steps = Vec::new();
        loop {
            match cursor.peek() {
                Some('.') => {
                    cursor.take(".");
                    if cursor.peek() != Some('[') {
                        let name =
                            cursor.take_while(|it| it.is_alphanumeric() || "_-:@/".contains(it));
                        steps.push(Step::Member(name.to_owned()));
                    }
                }
                Some('[') => steps.push(bracket(cursor)?),
                _ => break,
            }
        }
        let is_empty = |step: &Step| matches!(step, Step::Member(name) if name.is_empty());
        if steps.is_empty() || steps.iter().any(is_empty) {
            return Err(PatternError::new("a selector names no member"));
        }
        let text = &begin[..begin.len() - cursor.rest().len()];
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }

    fn find<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.steps
            .iter()
            .try_fold(object, |value, step| match step {
                Step::Member(name) => value.get(name),
                Step::Element(at) => value.get(at),
            })
    }
}

/// `[0]`, `['a.b']` or `["a.b"]`.
fn bracket(cursor: &mut Cursor<'_>) -> Result<Step, PatternError> {
    cursor.take("[");
    cursor.skip_blanks();
    let step = if let Some(name) = cursor.take_quoted()? {
        Step::Member(name)
    } else if cursor.take("'") {
        let name = cursor.take_while(|it| it != '\'');
        cursor.take("'");
        Step::Member(name.to_owned())
    } else {
        let digits = cursor.take_while(|it| it.is_ascii_digit());
        let at = digits.parse();
        Step::Element(at.map_err(|_| PatternError::new("[ ] wants a number or a name in quotes"))?)
    };
    match cursor.take("]") {
        true => Ok(step),
        false => Err(PatternError::new("a selector has no closing ]")),
    }
}
