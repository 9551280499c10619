//! What values are compared with: texts with `*`, numbers, regular expressions.

use regex::Regex;
use wirelab_model::fits_stars;

use super::PatternError;
use super::lex::Cursor;

/// So many a pattern of fields or of JSON may have.
const REGEXES_AT_MOST: usize = 2;

/// Symbols that regular expressions in patterns may have beside letters and digits: those of text,
/// and operators. Parentheses are not among them.
const SYMBOLS: &str = ":_#=@/;,- ^$?[]{}|\\*+.";

/// Makes regular expressions, few a pattern.
#[derive(Debug, Default)]
pub(super) struct Regexes {
    made: usize,
}

impl Regexes {
    /// # Errors
    /// Symbols that the service does not take; no expression; one too many.
    pub(super) fn make(&mut self, text: &str) -> Result<Regex, PatternError> {
        let strange = text
            .chars()
            .find(|it| !it.is_ascii_alphanumeric() && !SYMBOLS.contains(*it));
        match strange {
            Some('(' | ')') => {
                return Err(PatternError::new(format!(
                    "( and ) are not supported in the regular expression %{text}%"
                )));
            }
            Some(strange) => {
                return Err(PatternError::new(format!(
                    "'{strange}' is not supported in the regular expression %{text}%"
                )));
            }
            None => {}
        }
        self.made += 1;
        if self.made > REGEXES_AT_MOST {
            let why = format!("it has more than {REGEXES_AT_MOST} regular expressions");
            return Err(PatternError::new(why));
        }
        let made = regex::RegexBuilder::new(text)
            .size_limit(1 << 20)
            .unicode(true)
            .build();
        made.map_err(|_| PatternError::new(format!("%{text}% is no regular expression")))
    }
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
        // Longer ones first.
        const ALL: [(&str, Operator); 6] = [
            ("!=", Operator::NotEqual),
            (">=", Operator::GreaterOrEqual),
            ("<=", Operator::LessOrEqual),
            (">", Operator::Greater),
            ("<", Operator::Less),
            ("=", Operator::Equal),
        ];
        ALL.into_iter()
            .find_map(|(text, operator)| cursor.take(text).then_some(operator))
    }

    const fn is_of_numbers(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    fn holds(self, one: f64, other: f64) -> bool {
        match self {
            Self::Equal => one == other,
            Self::NotEqual => one != other,
            Self::Greater => one > other,
            Self::GreaterOrEqual => one >= other,
            Self::Less => one < other,
            Self::LessOrEqual => one <= other,
        }
    }
}

/// What stands behind an operator.
#[derive(Clone, Debug)]
enum Wanted {
    /// `*` is any run of characters.
    Text(String),
    Number(f64),
    Regex(Regex),
}

/// An operator and what it compares with.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    operator: Operator,
    wanted: Wanted,
}

impl Comparison {
    /// Takes the value behind `operator`; without quotes it ends where `ends` says.
    ///
    /// # Errors
    /// No value; one that is no number where the operator compares numbers.
    pub(super) fn take(
        operator: Operator,
        cursor: &mut Cursor<'_>,
        regexes: &mut Regexes,
        ends: impl Fn(char) -> bool,
    ) -> Result<Self, PatternError> {
        cursor.skip_blanks();
        let wanted = if let Some(regex) = cursor.take_regex()? {
            Wanted::Regex(regexes.make(regex)?)
        } else if let Some(text) = cursor.take_quoted()? {
            Wanted::Text(text)
        } else {
            let text = cursor.take_while(|it| !ends(it) && !it.is_whitespace());
            match number(text) {
                _ if text.is_empty() => {
                    return Err(PatternError::new("a value is missing behind an operator"));
                }
                Some(number) => Wanted::Number(number),
                None => Wanted::Text(text.to_owned()),
            }
        };
        if operator.is_of_numbers() && !matches!(wanted, Wanted::Number(_)) {
            return Err(PatternError::new("<, >, <= and >= need a number"));
        }
        Ok(Self { operator, wanted })
    }

    /// Whether `given` compares as wanted.
    pub(super) fn holds(&self, given: &str) -> bool {
        let equals = match &self.wanted {
            Wanted::Number(wanted) => {
                return match number(given) {
                    Some(given) => self.operator.holds(given, *wanted),
                    None => self.operator == Operator::NotEqual,
                };
            }
            Wanted::Text(wanted) => fits_stars(wanted, given),
            Wanted::Regex(regex) => regex.is_match(given),
        };
        equals == (self.operator == Operator::Equal)
    }

    pub(super) const fn has_regex(&self) -> bool {
        matches!(self.wanted, Wanted::Regex(_))
    }
}

/// A number as patterns write them; `inf` and the like are none.
fn number(text: &str) -> Option<f64> {
    let looks = text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it));
    let number = looks.then(|| text.parse::<f64>().ok()).flatten();
    number.filter(|it| it.is_finite())
}
