//! Arithmetic, in 64 bits that wrap (Bash Reference Manual, 6.5).

use brush_parser::ast::{
    ArithmeticExpr as Expr, ArithmeticTarget, BinaryOperator, UnaryAssignmentOperator,
    UnaryOperator,
};

use crate::limits::{NESTING_AT_MOST, OPERATORS_AT_MOST};
use crate::run::{Flow, Interpreter, Stop, Value};

/// Why an expression has no value: what bash says behind the expression.
type Evaluated = Flow<Result<i64, String>>;

/// Takes a value, or hands on why there is none.
macro_rules! value {
    ($it:expr) => {
        match $it? {
            Ok(value) => value,
            Err(why) => return Ok(Err(why)),
        }
    };
}

impl Interpreter<'_> {
    /// `$((...))`: an expression without a value ends the shell.
    pub(crate) fn arithmetic_or_exit(&mut self, text: &str) -> Flow<i64> {
        self.arithmetic_or_complain(text, "")?.ok_or(Stop::Exit(1))
    }

    /// The value, or nothing, and then why has been said.
    pub(crate) fn arithmetic_or_complain(&mut self, text: &str, before: &str) -> Flow<Option<i64>> {
        match self.arithmetic(text)? {
            Ok(value) => Ok(Some(value)),
            Err(why) => {
                self.complain(&format!("{before}{why}"))?;
                self.state.status = 1;
                Ok(None)
            }
        }
    }

    pub(crate) fn arithmetic(&mut self, text: &str) -> Evaluated {
        self.step(text.len())?;
        let text = match text.contains(['$', '`', '"', '\'', '\\']) {
            true => self.one_word(text)?,
            false => text.to_owned(),
        };
        self.evaluate(text.trim(), 0)
    }

    fn evaluate(&mut self, text: &str, depth: u32) -> Evaluated {
        if text.is_empty() {
            return Ok(Ok(0));
        }
        if let Ok(value) = text.parse::<i64>()
            && (text == "0" || !text.trim_start_matches('-').starts_with('0'))
        {
            return Ok(Ok(value));
        }
        if depth > NESTING_AT_MOST {
            return Ok(Err(format!("{text}: expression recursion level exceeded")));
        }
        // The parser, and what it makes, call themselves for each of them.
        let opened = text.matches(['(', '[']).count();
        let operators = text
            .matches(|it: char| it.is_ascii_punctuation() && it != '_')
            .count();
        if opened > NESTING_AT_MOST as usize || operators > OPERATORS_AT_MOST {
            let shown: String = text.chars().take(60).collect();
            return Ok(Err(format!("{shown}: expression recursion level exceeded")));
        }
        let Ok(expression) = brush_parser::arithmetic::parse(text) else {
            return Ok(Err(wrong(text)));
        };
        match self.value_of(&expression, depth)? {
            Ok(value) => Ok(Ok(value)),
            Err(why) if why.starts_with("division by 0") => {
                let token = text
                    .rsplit(['/', '%'])
                    .next()
                    .unwrap_or("0")
                    .trim()
                    .to_owned();
                Ok(Err(format!(
                    "{text}: division by 0 (error token is \"{token}\")"
                )))
            }
            Err(why) if why.starts_with("exponent") => Ok(Err(format!(
                "{text}: exponent less than 0 (error token is \"{}\")",
                text.rsplit(|it: char| !it.is_alphanumeric())
                    .next()
                    .unwrap_or_default()
            ))),
            Err(why) => Ok(Err(why)),
        }
    }

    fn value_of(&mut self, expression: &Expr, depth: u32) -> Evaluated {
        self.step(0)?;
        match expression {
            Expr::Literal(value) => Ok(Ok(*value)),
            Expr::Reference(target) => self.reference(target, depth),
            Expr::UnaryOp(operator, inner) => {
                let value = value!(self.value_of(inner, depth));
                Ok(Ok(match operator {
                    UnaryOperator::UnaryPlus => value,
                    UnaryOperator::UnaryMinus => value.wrapping_neg(),
                    UnaryOperator::BitwiseNot => !value,
                    UnaryOperator::LogicalNot => i64::from(value == 0),
                }))
            }
            Expr::BinaryOp(BinaryOperator::LogicalAnd, left, right) => {
                let holds = value!(self.value_of(left, depth)) != 0
                    && value!(self.value_of(right, depth)) != 0;
                Ok(Ok(i64::from(holds)))
            }
            Expr::BinaryOp(BinaryOperator::LogicalOr, left, right) => {
                let holds = value!(self.value_of(left, depth)) != 0
                    || value!(self.value_of(right, depth)) != 0;
                Ok(Ok(i64::from(holds)))
            }
            Expr::BinaryOp(operator, left, right) => {
                let left = value!(self.value_of(left, depth));
                let right = value!(self.value_of(right, depth));
                Ok(binary(operator, left, right))
            }
            Expr::Conditional(condition, then, other) => {
                match value!(self.value_of(condition, depth)) {
                    0 => self.value_of(other, depth),
                    _ => self.value_of(then, depth),
                }
            }
            Expr::Assignment(target, inner) => {
                let value = value!(self.value_of(inner, depth));
                self.store(target, value, depth)
            }
            Expr::BinaryAssignment(operator, target, inner) => {
                let left = value!(self.reference(target, depth));
                let right = value!(self.value_of(inner, depth));
                match binary(operator, left, right) {
                    Ok(value) => self.store(target, value, depth),
                    Err(why) => Ok(Err(why)),
                }
            }
            Expr::UnaryAssignment(operator, target) => {
                let before = value!(self.reference(target, depth));
                let (by, gives_new) = match operator {
                    UnaryAssignmentOperator::PrefixIncrement => (1, true),
                    UnaryAssignmentOperator::PrefixDecrement => (-1, true),
                    UnaryAssignmentOperator::PostfixIncrement => (1, false),
                    UnaryAssignmentOperator::PostfixDecrement => (-1, false),
                };
                let after = value!(self.store(target, before.wrapping_add(by), depth));
                Ok(Ok(if gives_new { after } else { before }))
            }
        }
    }

    fn reference(&mut self, target: &ArithmeticTarget, depth: u32) -> Evaluated {
        let text = match target {
            ArithmeticTarget::Variable(name) => {
                let text = self.variable_text(name);
                if text.is_none() && self.state.options.nounset {
                    self.ends_unset(&format!("{name}: unbound variable"))?;
                }
                text
            }
            ArithmeticTarget::ArrayElement(name, index) => {
                let (key, index) = value!(self.place_of(name, index, depth));
                self.element(name, &key, index)
            }
        };
        match text {
            Some(text) => self.evaluate(text.trim(), depth + 1),
            None => Ok(Ok(0)),
        }
    }

    /// Where an element is: in a map by the text of its key, in a list by its value.
    fn place_of(
        &mut self,
        name: &str,
        index: &Expr,
        depth: u32,
    ) -> Flow<Result<(String, i64), String>> {
        if matches!(self.state.variables.value(name), Some(Value::Map(_))) {
            return Ok(Ok((index.to_string(), 0)));
        }
        let index = value!(self.value_of(index, depth));
        Ok(Ok((index.to_string(), index)))
    }

    fn store(&mut self, target: &ArithmeticTarget, value: i64, depth: u32) -> Evaluated {
        let text = value.to_string();
        let (name, done) = match target {
            ArithmeticTarget::Variable(name) => {
                (name, self.state.variables.set(name, Value::Text(text)))
            }
            ArithmeticTarget::ArrayElement(name, index) => {
                let (key, index) = value!(self.place_of(name, index, depth));
                (
                    name,
                    self.state.variables.set_element(name, &key, index, text),
                )
            }
        };
        Ok(match done {
            Ok(()) => Ok(value),
            Err(why) => Err(format!("{name}: {why}")),
        })
    }
}

/// What bash says of a text that is no expression.
fn wrong(text: &str) -> String {
    let is_number = text.bytes().all(|it| it.is_ascii_digit());
    if is_number && text.len() > 1 {
        return match text.starts_with('0') {
            true => format!("{text}: value too great for base (error token is \"{text}\")"),
            false => format!("{text}: value too great"),
        };
    }
    let is_known = |it: char| it.is_alphanumeric() || " \t\n_+-*/%<>=&|^!~?:,()[]".contains(it);
    if let Some(at) = text.find(|it| !is_known(it)) {
        let token = &text[at..];
        return format!(
            "{text}: syntax error: invalid arithmetic operator (error token is \"{token}\")"
        );
    }
    let end = text.trim_end();
    let last = end
        .rfind(|it: char| !"+-*/%<>=&|^!~?:,(".contains(it))
        .map_or(0, |it| it + 1);
    let token = &end[end.ceil_char_boundary(last)..];
    match token.is_empty() {
        false => format!("{text}: syntax error: operand expected (error token is \"{token}\")"),
        true => {
            let token = text.split_once(' ').map_or(text, |it| it.1);
            format!("{text}: syntax error in expression (error token is \"{token}\")")
        }
    }
}

fn binary(operator: &BinaryOperator, left: i64, right: i64) -> Result<i64, String> {
    Ok(match operator {
        BinaryOperator::Comma => right,
        BinaryOperator::Add => left.wrapping_add(right),
        BinaryOperator::Subtract => left.wrapping_sub(right),
        BinaryOperator::Multiply => left.wrapping_mul(right),
        BinaryOperator::Divide | BinaryOperator::Modulo if right == 0 => {
            return Err("division by 0".to_owned());
        }
        BinaryOperator::Divide => left.wrapping_div(right),
        BinaryOperator::Modulo => left.wrapping_rem(right),
        BinaryOperator::Power => {
            let exponent = u64::try_from(right).map_err(|_| "exponent less than 0".to_owned())?;
            power(left, exponent)
        }
        BinaryOperator::ShiftLeft => left.wrapping_shl(right as u32),
        BinaryOperator::ShiftRight => left.wrapping_shr(right as u32),
        BinaryOperator::LessThan => i64::from(left < right),
        BinaryOperator::LessThanOrEqualTo => i64::from(left <= right),
        BinaryOperator::GreaterThan => i64::from(left > right),
        BinaryOperator::GreaterThanOrEqualTo => i64::from(left >= right),
        BinaryOperator::Equals => i64::from(left == right),
        BinaryOperator::NotEquals => i64::from(left != right),
        BinaryOperator::BitwiseAnd => left & right,
        BinaryOperator::BitwiseXor => left ^ right,
        BinaryOperator::BitwiseOr => left | right,
        BinaryOperator::LogicalAnd => i64::from(left != 0 && right != 0),
        BinaryOperator::LogicalOr => i64::from(left != 0 || right != 0),
    })
}

fn power(mut base: i64, mut exponent: u64) -> i64 {
    let mut result = 1_i64;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    result
}
