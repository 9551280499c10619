//! The grammar's expressions, from loose to tight: `or`, `and`, `not`, comparisons, `+ -`,
//! `* / %`, `^`, unary `-`, calls and parentheses.

use super::ast::{Arithmetic, Comparison, Expr, ExprKind, Pattern, Span};
use super::habit;
use super::parse::Parser;
use super::token::Kind;
use crate::QueryError;

/// How deep parentheses, calls and operators may nest, so that no query can exhaust the stack.
const DEPTH_MAX: usize = 40;

type Parsed<T> = Result<T, QueryError>;

const COMPARISONS: [(&str, Comparison); 7] = [
    ("=", Comparison::Equal),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];
const SUMS: [(&str, Arithmetic); 2] = [("+", Arithmetic::Add), ("-", Arithmetic::Subtract)];
const PRODUCTS: [(&str, Arithmetic); 3] = [
    ("*", Arithmetic::Multiply),
    ("/", Arithmetic::Divide),
    ("%", Arithmetic::Remainder),
];

impl Parser<'_> {
    /// A whole expression.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.joined("or", Self::conjunction, ExprKind::Or))
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        self.joined("and", Self::negation, ExprKind::And)
    }

    /// `one WORD one WORD ...` as a flat list.
    fn joined(
        &mut self,
        word: &str,
        one: fn(&mut Self) -> Parsed<Expr>,
        make: fn(Vec<Expr>) -> ExprKind,
    ) -> Parsed<Expr> {
        let first = one(self)?;
        if !self.at_word(word) {
            return Ok(first);
        }
        let start = first.span;
        let mut parts = vec![first];
        while self.eat_word(word)? {
            parts.push(one(self)?);
        }
        let span = Span {
            start: start.start,
            end: self.last_end,
        };
        Ok(Expr {
            kind: make(parts),
            span,
        })
    }

    fn negation(&mut self) -> Parsed<Expr> {
        let start = self.token.span;
        let bang = matches!(self.token.kind, Kind::Symbol("!"));
        if !bang && !self.at_word("not") {
            return self.comparison();
        }
        self.advance()?;
        let inner = self.nested(Self::negation)?;
        let span = start.to(inner.span);
        Ok(Expr {
            kind: ExprKind::Not(Box::new(inner)),
            span,
        })
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        if let Kind::Symbol(symbol) = self.token.kind {
            if symbol == "=~" {
                self.advance()?;
                return self.like(left);
            }
            if let Some((_, comparison)) = COMPARISONS.iter().find(|(s, _)| *s == symbol) {
                self.advance()?;
                let right = self.sum()?;
                let span = left.span.to(right.span);
                let kind = ExprKind::Compare(*comparison, Box::new(left), Box::new(right));
                return Ok(Expr { kind, span });
            }
            return Ok(left);
        }
        let negated = self.eat_word("not")?;
        let found = if self.eat_word("like")? {
            self.like(left)?
        } else if self.eat_word("in")? {
            self.in_list(left)?
        } else if negated {
            let hint = habit::operator(&self.token.kind, &left);
            return Err(self.unexpected("`like` or `in` after `not`", hint.as_deref()));
        } else if let Some(hint) = habit::operator(&self.token.kind, &left) {
            return Err(self.unexpected("an operator", Some(&hint)));
        } else {
            return Ok(left);
        };
        if !negated {
            return Ok(found);
        }
        let span = found.span;
        Ok(Expr {
            kind: ExprKind::Not(Box::new(found)),
            span,
        })
    }

    fn like(&mut self, value: Expr) -> Parsed<Expr> {
        let pattern = match self.token.kind.clone() {
            Kind::Symbol("/") => Pattern::Regex(self.regex()?.0),
            Kind::Text(text) => {
                self.advance()?;
                Pattern::Text(text)
            }
            _ => {
                let hint = "`like \"text\"` finds a substring, `like /regex/` a regex";
                return Err(self.unexpected("a string or a regex", Some(hint)));
            }
        };
        let span = Span {
            start: value.span.start,
            end: self.last_end,
        };
        let value = Box::new(value);
        Ok(Expr {
            kind: ExprKind::Like { value, pattern },
            span,
        })
    }

    fn in_list(&mut self, value: Expr) -> Parsed<Expr> {
        if self.eat("(")? {
            let query = self.subquery()?;
            let span = Span {
                start: value.span.start,
                end: self.last_end,
            };
            let (value, query) = (Box::new(value), Box::new(query));
            let kind = ExprKind::InQuery { value, query };
            return Ok(Expr { kind, span });
        }
        if !self.eat("[")? {
            let hint = match self.token.kind {
                Kind::Number(_) => "a list stands in brackets: `in [22, 3389]`",
                _ => "a list stands in brackets: `in [\"ACCEPT\", \"REJECT\"]`",
            };
            return Err(self.unexpected("`[`", Some(hint)));
        }
        let mut list = Vec::new();
        while !self.eat("]")? {
            if !list.is_empty() && !self.eat(",")? {
                return Err(self.unexpected("`,` or `]`", None));
            }
            list.push(self.sum()?);
        }
        let span = Span {
            start: value.span.start,
            end: self.last_end,
        };
        let value = Box::new(value);
        Ok(Expr {
            kind: ExprKind::In { value, list },
            span,
        })
    }

    fn sum(&mut self) -> Parsed<Expr> {
        self.left_associative(&SUMS, |parser| {
            parser.left_associative(&PRODUCTS, Self::power)
        })
    }

    fn left_associative(
        &mut self,
        operators: &[(&str, Arithmetic)],
        one: impl Fn(&mut Self) -> Parsed<Expr>,
    ) -> Parsed<Expr> {
        let first = one(self)?;
        let mut rest = Vec::new();
        while let Kind::Symbol(symbol) = self.token.kind {
            let Some((_, operator)) = operators.iter().find(|(s, _)| *s == symbol) else {
                break;
            };
            self.advance()?;
            rest.push((*operator, one(self)?));
        }
        let Some((_, last)) = rest.last() else {
            return Ok(first);
        };
        let span = first.span.to(last.span);
        let kind = ExprKind::Arithmetic(Box::new(first), rest);
        Ok(Expr { kind, span })
    }

    /// `2^3^2` is `2^(3^2)`, and `-2^2` is `(-2)^2`: unary minus binds tighter.
    fn power(&mut self) -> Parsed<Expr> {
        let base = self.negative()?;
        if !self.eat("^")? {
            return Ok(base);
        }
        let exponent = self.nested(Self::power)?;
        let span = base.span.to(exponent.span);
        let kind = ExprKind::Arithmetic(Box::new(base), vec![(Arithmetic::Power, exponent)]);
        Ok(Expr { kind, span })
    }

    pub(super) fn negative(&mut self) -> Parsed<Expr> {
        let start = self.token.span;
        if !self.eat("-")? {
            return self.primary();
        }
        let inner = self.nested(Self::negative)?;
        let span = start.to(inner.span);
        let kind = match inner.kind {
            ExprKind::Number(number) => ExprKind::Number(-number),
            kind => ExprKind::Negative(Box::new(Expr {
                kind,
                span: inner.span,
            })),
        };
        Ok(Expr { kind, span })
    }

    /// A literal, a field, a call, or an expression in parentheses; and what lies in it.
    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let mut expr = self.unit()?;
        let structured = matches!(expr.kind, ExprKind::Field(_) | ExprKind::Call { .. });
        // `[` and `.` follow at once: `list [0]` is none of this.
        while structured && self.token.span.start == self.last_end {
            let step = if self.eat("[")? {
                self.place_in_list()?
            } else if self.eat(".")? {
                self.name()?
            } else {
                break;
            };
            let span = Span {
                start: expr.span.start,
                end: self.last_end,
            };
            let kind = match expr.kind {
                ExprKind::Access { of, path } => ExprKind::Access {
                    of,
                    path: format!("{path}.{step}"),
                },
                _ => ExprKind::Access {
                    of: Box::new(expr),
                    path: step,
                },
            };
            expr = Expr { kind, span };
        }
        Ok(expr)
    }

    /// `0]` or `"key"]`.
    fn place_in_list(&mut self) -> Parsed<String> {
        let step = match &self.token.kind {
            Kind::Number(number) if number.fract() == 0.0 && *number < 1e9 => number.to_string(),
            Kind::Text(key) => key.clone(),
            _ => {
                let hint = Some("elements count from 0: `list[0]`");
                return Err(self.unexpected("the place of an element", hint));
            }
        };
        self.advance()?;
        if !self.eat("]")? {
            return Err(self.unexpected("`]`", None));
        }
        Ok(step)
    }

    fn unit(&mut self) -> Parsed<Expr> {
        let span = self.token.span;
        let kind = match self.token.kind.clone() {
            Kind::Number(number) => ExprKind::Number(number),
            Kind::Text(text) => ExprKind::Text(text),
            Kind::Period(period) => ExprKind::Period(period),
            Kind::Name { text, quoted } => {
                self.advance()?;
                if !quoted && self.eat("(")? {
                    return self.call(text.to_lowercase(), span);
                }
                return Ok(Expr {
                    kind: ExprKind::Field(text),
                    span,
                });
            }
            Kind::Symbol("(") => {
                self.advance()?;
                let inner = self.expr()?;
                if !self.eat(")")? {
                    let hint = self.after_condition();
                    return Err(self.unexpected("`)`", hint.as_deref()));
                }
                let span = Span {
                    start: span.start,
                    end: self.last_end,
                };
                return Ok(Expr {
                    kind: inner.kind,
                    span,
                });
            }
            Kind::Symbol("/") => {
                let hint = Some("a regex stands after `like` or `=~`, and in `regexReplace`");
                return Err(self.unexpected("an expression", hint));
            }
            Kind::Symbol("*") => {
                let hint =
                    Some("`*` stands in `count(*)` alone; `fields @message` shows the event");
                return Err(self.unexpected("an expression", hint));
            }
            _ => {
                let hint = self
                    .after_comma()
                    .then_some("a comma separates: leave out the last");
                return Err(self.unexpected("an expression", hint));
            }
        };
        self.advance()?;
        Ok(Expr { kind, span })
    }

    fn call(&mut self, name: String, start: Span) -> Parsed<Expr> {
        let mut args = Vec::new();
        while !self.eat(")")? {
            if !args.is_empty() && !self.eat(",")? {
                let hint = habit::argument(&name, args.last(), &self.token.kind);
                return Err(self.unexpected("`,` or `)`", hint.as_deref()));
            }
            args.push(self.argument(&name)?);
        }
        let span = Span {
            start: start.start,
            end: self.last_end,
        };
        Ok(Expr {
            kind: ExprKind::Call { name, args },
            span,
        })
    }

    fn argument(&mut self, function: &str) -> Parsed<Expr> {
        let span = self.token.span;
        if self.token.kind == Kind::Symbol("/") && function.starts_with("regex") {
            let (regex, span) = self.regex()?;
            let kind = ExprKind::Text(regex.as_str().to_owned());
            return Ok(Expr { kind, span });
        }
        if self.eat("*")? {
            return Ok(Expr {
                kind: ExprKind::Star,
                span,
            });
        }
        self.expr()
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.too_deep());
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&self) -> QueryError {
        let message = format!("the expression is nested more than {DEPTH_MAX} deep");
        self.lexer.malformed(self.token.span, message, None)
    }
}
