//! The grammar of expressions, by binding power: OR, AND, NOT, one predicate, `||`, `+ -`,
//! `* / %`, signs, AT TIME ZONE, points and subscripts.

use super::ast::{Comparison, Expr, Kind, Op, Query};
use super::cursor::Cursor;
use super::error::{Checked, Fault, SYNTAX};

const COMPARISONS: &[(&str, Comparison)] = &[
    ("=", Comparison::Equal),
    ("<>", Comparison::NotEqual),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessEqual),
    (">=", Comparison::GreaterEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Binary operators of values and how tightly they bind.
const OPERATORS: &[(&str, Option<Op>, u8)] = &[
    ("||", None, 1),
    ("+", Some(Op::Add), 2),
    ("-", Some(Op::Subtract), 2),
    ("*", Some(Op::Multiply), 3),
    ("/", Some(Op::Divide), 3),
    ("%", Some(Op::Modulo), 3),
];

/// Operators of one binding power in a row.
const OPERATORS_MAX: usize = 5000;

impl Cursor<'_> {
    /// A finished expression: from `start` to the last token, faults at `at`.
    pub(super) fn node(&self, kind: Kind, at: usize, start: usize) -> Expr {
        Expr {
            kind: Box::new(kind),
            at,
            start,
            end: self.end(),
        }
    }

    /// Any expression.
    pub(super) fn expr(&mut self) -> Checked<Expr> {
        self.deeper()?;
        let expr = self.or();
        self.higher();
        expr
    }

    pub(super) fn too_many(&self) -> Fault {
        let message = "statement is too large (stack overflow while parsing)";
        Fault::new(SYNTAX, self.at(), message)
    }

    fn or(&mut self) -> Checked<Expr> {
        let (at, first) = (self.at(), self.and()?);
        let mut terms = vec![first];
        while self.takes("OR") {
            terms.push(self.and()?);
        }
        Ok(match terms.len() {
            1 => terms.remove(0),
            _ => self.node(Kind::Or(terms), at, at),
        })
    }

    fn and(&mut self) -> Checked<Expr> {
        let (at, first) = (self.at(), self.not()?);
        let mut terms = vec![first];
        while self.takes("AND") {
            terms.push(self.not()?);
        }
        Ok(match terms.len() {
            1 => terms.remove(0),
            _ => self.node(Kind::And(terms), at, at),
        })
    }

    fn not(&mut self) -> Checked<Expr> {
        let at = self.at();
        if self.sees_all(&["NOT"]) {
            self.advance();
            self.deeper()?;
            let inner = self.not()?;
            self.higher();
            return Ok(self.node(Kind::Not(inner), at, at));
        }
        self.predicated()
    }

    /// A value with at most one predicate behind it.
    fn predicated(&mut self) -> Checked<Expr> {
        let left = self.value(0)?;
        let (start, at) = (left.start, self.at());
        for (sign, op) in COMPARISONS {
            if self.takes_sign(sign) {
                return self.comparison(*op, left, at);
            }
        }
        if self.takes("IS") {
            let negated = self.takes("NOT");
            let kind = if self.takes_all(&["DISTINCT", "FROM"]) {
                Kind::Distinct(left, self.value(0)?)
            } else {
                self.expects("NULL")?;
                Kind::IsNull(left)
            };
            let test = self.node(kind, start, start);
            return Ok(self.negated(test, negated));
        }
        let mark = self.mark();
        let negated = self.takes("NOT");
        match self.predicate(left, at)? {
            (test, true) => Ok(self.negated(test, negated)),
            (_, false) if negated => Err(self.mismatch()),
            (value, false) => {
                self.back_to(mark);
                Ok(value)
            }
        }
    }

    fn negated(&self, test: Expr, negated: bool) -> Expr {
        if !negated {
            return test;
        }
        let (at, start) = (test.at, test.start);
        self.node(Kind::Not(test), at, start)
    }

    fn comparison(&mut self, op: Comparison, left: Expr, at: usize) -> Checked<Expr> {
        let start = left.start;
        let all = self.sees_all(&["ALL"]);
        if (all || self.sees_all(&["ANY"]) || self.sees_all(&["SOME"])) && self.sign_ahead(1, "(") {
            self.advance();
            let query = self.parenthesized_query()?;
            return Ok(self.node(Kind::Quantified(op, all, left, Box::new(query)), at, start));
        }
        let right = self.value(0)?;
        Ok(self.node(Kind::Compare(op, left, right), at, start))
    }

    fn parenthesized_query(&mut self) -> Checked<Query> {
        self.expects_sign("(")?;
        let query = self.query()?;
        self.expects_sign(")")?;
        Ok(query)
    }

    /// BETWEEN, IN or LIKE behind a value; `false` if there is none.
    fn predicate(&mut self, left: Expr, at: usize) -> Checked<(Expr, bool)> {
        let start = left.start;
        let kind = if self.takes("BETWEEN") {
            let low = self.value(0)?;
            self.expects("AND")?;
            Kind::Between(left, low, self.value(0)?)
        } else if self.takes("IN") {
            self.expects_sign("(")?;
            let kind = if self.sees_query() {
                Kind::InQuery(left, Box::new(self.query()?))
            } else {
                Kind::InList(left, self.list(Self::expr)?)
            };
            self.expects_sign(")")?;
            kind
        } else if self.takes("LIKE") {
            let pattern = self.value(0)?;
            let escape = self.takes("ESCAPE").then(|| self.value(0)).transpose()?;
            Kind::Like(left, pattern, escape)
        } else {
            return Ok((left, false));
        };
        // Trino places a predicate's faults at the predicate for comparisons, else at the value.
        let at = if matches!(kind, Kind::Between(..)) {
            at
        } else {
            start
        };
        Ok((self.node(kind, at, start), true))
    }

    /// Operators that bind tighter than `power`.
    pub(super) fn value(&mut self, power: u8) -> Checked<Expr> {
        let mut left = self.signed()?;
        // How tightly the operators of `left` bind, if it is a row of them without parentheses.
        let mut row = 0;
        let mut steps = 0;
        while let Some((op, binds)) = self.operator(power) {
            let at = self.at();
            self.advance();
            let right = self.value(binds)?;
            left = self.operated(left, row == binds, op, at, right);
            row = binds;
            steps += 1;
            if steps > OPERATORS_MAX {
                let message =
                    format!("statement is too large: more than {OPERATORS_MAX} operators in a row");
                return Err(Fault::new(SYNTAX, at, message));
            }
        }
        Ok(left)
    }

    /// The operator that stands here, if it binds tighter than `power`.
    fn operator(&mut self, power: u8) -> Option<(Option<Op>, u8)> {
        for (sign, op, binds) in OPERATORS {
            if *binds > power && self.sign_ahead(0, sign) {
                return Some((*op, *binds));
            }
            self.could_be(&format!("'{sign}'"));
        }
        None
    }

    /// `left op right`; as one more of `left`'s operators if that is a row of such.
    fn operated(
        &self,
        mut left: Expr,
        longer: bool,
        op: Option<Op>,
        at: usize,
        right: Expr,
    ) -> Expr {
        match (&mut *left.kind, op) {
            (Kind::Arithmetic(_, rest), Some(op)) if longer => rest.push((op, at, right)),
            (Kind::Concat(_, rest), None) if longer => rest.push((at, right)),
            (_, op) => {
                let start = left.start;
                let kind = match op {
                    Some(op) => Kind::Arithmetic(left, vec![(op, at, right)]),
                    None => Kind::Concat(left, vec![(at, right)]),
                };
                return self.node(kind, at, start);
            }
        }
        // Trino places an operator's value at the operator.
        (left.at, left.end) = (at, self.end());
        left
    }

    fn signed(&mut self) -> Checked<Expr> {
        let at = self.at();
        if self.sign_ahead(0, "-") {
            self.advance();
            self.deeper()?;
            let value = self.signed()?;
            self.higher();
            return Ok(self.node(Kind::Negative(value), at, at));
        }
        if self.sign_ahead(0, "+") {
            self.advance();
            self.deeper()?;
            let value = self.signed();
            self.higher();
            return value;
        }
        let mut value = self.postfix()?;
        let mut steps = 0;
        while self.takes_all(&["AT", "TIME", "ZONE"]) {
            let zone = self.postfix()?;
            value = self.node(Kind::AtTimeZone(value, zone), at, at);
            steps += 1;
            if steps > self.depth_left() {
                return Err(self.too_many());
            }
        }
        Ok(value)
    }

    /// A primary with points and subscripts behind it.
    fn postfix(&mut self) -> Checked<Expr> {
        let start = self.at();
        let mut value = self.primary()?;
        let mut steps = 0;
        loop {
            let at = self.at();
            if self.takes_sign("[") {
                let index = self.expr()?;
                self.expects_sign("]")?;
                value = self.node(Kind::Subscript(value, index), at, start);
            } else if self.sign_ahead(0, ".") {
                self.advance();
                let field = self.name()?;
                value = self.node(Kind::Field(value, field), start, start);
            } else {
                return Ok(value);
            }
            steps += 1;
            if steps > self.depth_left() {
                return Err(self.too_many());
            }
        }
    }
}
