//! Expressions of metric math as they are written.

/// Deeper ones are refused: each level is one of the reader's own calls.
const DEEPEST: usize = 64;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    /// An id, `REPEAT`, `LINEAR`.
    Name(String),
    /// `'text'`
    Text(String),
    /// `[m1, m2]`
    List(Vec<Self>),
    Negative(Box<Self>),
    /// An operator between two.
    Pair(&'static str, Box<Self>, Box<Self>),
    /// A function, its name in capitals.
    Call(String, Vec<Self>),
}

/// Operators from the weakest to the strongest.
const LEVELS: [&[&str]; 5] = [
    &["||"],
    &["&&"],
    &["<=", ">=", "==", "!=", "<", ">"],
    &["+", "-"],
    &["*", "/"],
];

/// Reads a whole text.
///
/// # Errors
/// What does not belong there, and where.
pub(super) fn expression(text: &str) -> Result<Expression, String> {
    let mut reader = Reader {
        text,
        rest: text,
        depth: 0,
    };
    let read = reader.level(0)?;
    match reader.rest.trim_start().is_empty() {
        true => Ok(read),
        false => Err(reader.wrong()),
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    fn wrong(&self) -> String {
        let rest = self.rest.trim_start();
        let at = self.text.len() - rest.len();
        match rest.chars().next() {
            Some(letter) => format!("`{letter}` at character {at} does not belong there"),
            None => "it ends too early".to_owned(),
        }
    }

    /// Whether this comes next, which is then read.
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn wants(&mut self, word: &str) -> Result<(), String> {
        match self.takes(word) {
            true => Ok(()),
            false => Err(self.wrong()),
        }
    }

    fn level(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.power();
        };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = operators.iter().find(|it| self.takes(it)) {
            let right = self.level(level + 1)?;
            left = Expression::Pair(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it is deeper than {DEEPEST} levels"));
        }
        let read = match self.takes("-") {
            true => Expression::Negative(Box::new(self.power()?)),
            false => {
                let left = self.part()?;
                match self.takes("^") {
                    true => Expression::Pair("^", Box::new(left), Box::new(self.power()?)),
                    false => left,
                }
            }
        };
        self.depth -= 1;
        Ok(read)
    }

    fn part(&mut self) -> Result<Expression, String> {
        if self.takes("(") {
            let inner = self.level(0)?;
            self.wants(")")?;
            return Ok(inner);
        }
        if self.takes("[") {
            return self.list("]").map(Expression::List);
        }
        for quote in ["'", "\""] {
            if self.takes(quote) {
                let rest = self.rest;
                let (text, after) = rest.split_once(quote).ok_or_else(|| self.wrong())?;
                self.rest = after;
                return Ok(Expression::Text(text.to_owned()));
            }
        }
        let rest = self.rest.trim_start();
        let is_number = rest.starts_with(|it: char| it.is_ascii_digit() || it == '.');
        let belongs = |it: char| match is_number {
            true => it.is_ascii_digit() || it == '.',
            false => it.is_ascii_alphanumeric() || it == '_',
        };
        let end = rest.find(|it| !belongs(it)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if is_number {
            let number = word.parse().map_err(|_| self.wrong())?;
            self.rest = after;
            return Ok(Expression::Number(number));
        }
        if word.is_empty() {
            return Err(self.wrong());
        }
        self.rest = after;
        match self.takes("(") {
            true => Ok(Expression::Call(word.to_ascii_uppercase(), self.list(")")?)),
            false => Ok(Expression::Name(word.to_owned())),
        }
    }

    /// What is between commas, up to `end`.
    fn list(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut all = Vec::new();
        if self.takes(end) {
            return Ok(all);
        }
        loop {
            all.push(self.level(0)?);
            if self.takes(end) {
                return Ok(all);
            }
            self.wants(",")?;
        }
    }
}
