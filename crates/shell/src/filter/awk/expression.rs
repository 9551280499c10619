//! From tokens to expressions, by how closely operators bind.

use super::Expr;
use super::parse::{Parsed, Parser};
use super::token::Token;
use crate::limits::OPERATORS_AT_MOST;

const FUNCTIONS: &[&str] = &[
    "length", "substr", "index", "split", "sub", "gsub", "match", "sprintf", "tolower", "toupper",
    "int", "sqrt", "close", "fflush", "system",
];

/// What there is in awk, and not here.
const UNSIMULATED: &[&str] = &[
    "getline",
    "rand",
    "srand",
    "log",
    "exp",
    "sin",
    "cos",
    "atan2",
    "function",
    "func",
    "return",
    "gensub",
    "strftime",
    "systime",
    "asort",
    "asorti",
    "nextfile",
    "printflush",
    "switch",
];

impl Parser {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.deeper(|parser| {
            let target = parser.choice()?;
            let operator = match parser.peek() {
                Token::Sign("=") => None,
                Token::Sign(sign @ ("+=" | "-=" | "*=" | "/=" | "%=" | "^=")) => {
                    sign.chars().next()
                }
                Token::Sign("**=") => Some('^'),
                _ => return Ok(target),
            };
            if !matches!(
                target,
                Expr::Variable(_) | Expr::Field(_) | Expr::Element(..)
            ) {
                return Err("assignment to what is no variable".to_owned());
            }
            parser.at += 1;
            parser.skip_lines();
            let value = parser.expression()?;
            Ok(Expr::Assign(Box::new(target), operator, Box::new(value)))
        })
    }

    /// Two operands; of these a statement has so many, since each stands within the next.
    fn binary(&mut self, sign: &'static str, left: Expr, right: Expr) -> Parsed<Expr> {
        self.counted()?;
        Ok(Expr::Binary(sign, Box::new(left), Box::new(right)))
    }

    fn counted(&mut self) -> Parsed<()> {
        self.operators += 1;
        match self.operators > OPERATORS_AT_MOST {
            true => Err(format!(
                "a statement of more than {OPERATORS_AT_MOST} operators is not simulated"
            )),
            false => Ok(()),
        }
    }

    fn choice(&mut self) -> Parsed<Expr> {
        let condition = self.or()?;
        if !self.take("?") {
            return Ok(condition);
        }
        self.skip_lines();
        let then = self.expression()?;
        self.skip_lines();
        self.expect(":")?;
        self.skip_lines();
        let other = self.expression()?;
        Ok(Expr::Choice(
            Box::new(condition),
            Box::new(then),
            Box::new(other),
        ))
    }

    fn or(&mut self) -> Parsed<Expr> {
        let mut left = self.and()?;
        while self.take("||") {
            self.skip_lines();
            let right = self.and()?;
            left = self.binary("||", left, right)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expr> {
        let mut left = self.membership()?;
        while self.take("&&") {
            self.skip_lines();
            let right = self.membership()?;
            left = self.binary("&&", left, right)?;
        }
        Ok(left)
    }

    fn membership(&mut self) -> Parsed<Expr> {
        let mut left = self.matching()?;
        while self.is_name("in") && !self.no_in {
            self.at += 1;
            let Token::Name(name, _) = self.next() else {
                return Err("the name of an array expected".to_owned());
            };
            self.counted()?;
            left = Expr::In(vec![left], name);
        }
        Ok(left)
    }

    fn matching(&mut self) -> Parsed<Expr> {
        let mut left = self.comparison()?;
        loop {
            let sign = match self.peek() {
                Token::Sign("~") => "~",
                Token::Sign("!~") => "!~",
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.comparison()?;
            left = self.binary(sign, left, right)?;
        }
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.concatenation()?;
        let sign = match self.peek() {
            Token::Sign(sign @ ("<" | "<=" | "==" | "!=" | ">=")) => *sign,
            Token::Sign(">") if !self.printing => ">",
            _ => return Ok(left),
        };
        self.at += 1;
        let right = self.concatenation()?;
        Ok(Expr::Binary(sign, Box::new(left), Box::new(right)))
    }

    pub(super) fn concatenation(&mut self) -> Parsed<Expr> {
        let mut left = self.sum()?;
        loop {
            let begins = match self.peek() {
                Token::Number(_) | Token::Text(_) | Token::Regex(_) => true,
                Token::Name(name, _) => name != "in",
                Token::Sign(sign) => ["(", "$", "!", "-", "+", "++", "--"].contains(sign),
                _ => false,
            };
            if !begins {
                return Ok(left);
            }
            let right = self.sum()?;
            left = self.binary(" ", left, right)?;
        }
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.product()?;
        loop {
            let sign = match self.peek() {
                Token::Sign("+") => "+",
                Token::Sign("-") => "-",
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.product()?;
            left = self.binary(sign, left, right)?;
        }
    }

    fn product(&mut self) -> Parsed<Expr> {
        let mut left = self.unary()?;
        loop {
            let sign = match self.peek() {
                Token::Sign(sign @ ("*" | "/" | "%")) => *sign,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.unary()?;
            left = self.binary(sign, left, right)?;
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        self.deeper(|parser| {
            for (sign, letter) in [("!", '!'), ("-", '-'), ("+", '+')] {
                if parser.take(sign) {
                    return Ok(Expr::Unary(letter, Box::new(parser.unary()?)));
                }
            }
            parser.power()
        })
    }

    fn power(&mut self) -> Parsed<Expr> {
        let base = self.postfix()?;
        if !self.take("^") && !self.take("**") {
            return Ok(base);
        }
        let exponent = self.unary()?;
        Ok(Expr::Binary("^", Box::new(base), Box::new(exponent)))
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        for (sign, by) in [("++", 1.0), ("--", -1.0)] {
            if self.take(sign) {
                let target = self.deeper(Self::postfix)?;
                return Ok(Expr::Step(Box::new(target), by, true));
            }
        }
        let target = self.primary()?;
        if matches!(
            target,
            Expr::Variable(_) | Expr::Field(_) | Expr::Element(..)
        ) {
            for (sign, by) in [("++", 1.0), ("--", -1.0)] {
                if self.take(sign) {
                    return Ok(Expr::Step(Box::new(target), by, false));
                }
            }
        }
        Ok(target)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        match self.next() {
            Token::Number(number) => Ok(Expr::Number(number)),
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Regex(text) => Ok(Expr::Regex(text)),
            Token::Sign("$") => {
                let inner = self.deeper(Self::field)?;
                Ok(Expr::Field(Box::new(inner)))
            }
            Token::Sign("(") => {
                let before = (
                    std::mem::take(&mut self.printing),
                    std::mem::take(&mut self.no_in),
                );
                let mut list = self.list(")")?;
                (self.printing, self.no_in) = before;
                if list.len() > 1 && self.is_name("in") {
                    self.at += 1;
                    let Token::Name(name, _) = self.next() else {
                        return Err("the name of an array expected".to_owned());
                    };
                    return Ok(Expr::In(list, name));
                }
                match (list.pop(), list.is_empty()) {
                    (Some(only), true) => Ok(only),
                    _ => Err("`)' unexpected".to_owned()),
                }
            }
            Token::Name(name, called) => self.named(name, called),
            other => Err(format!("unexpected {other:?}")),
        }
    }

    /// What stands behind `$`: it binds closer than anything but `++`.
    fn field(&mut self) -> Parsed<Expr> {
        for (sign, by) in [("++", 1.0), ("--", -1.0)] {
            if self.take(sign) {
                let target = self.deeper(Self::field)?;
                return Ok(Expr::Step(Box::new(target), by, true));
            }
        }
        match self.take("-") {
            true => Ok(Expr::Unary('-', Box::new(self.deeper(Self::field)?))),
            false => self.primary(),
        }
    }

    fn named(&mut self, name: String, called: bool) -> Parsed<Expr> {
        if UNSIMULATED.contains(&name.as_str()) {
            return Err(format!("`{name}` is not simulated"));
        }
        if let Some(known) = FUNCTIONS.iter().find(|it| **it == name) {
            let arguments = match self.take("(") {
                true => {
                    let before = std::mem::take(&mut self.printing);
                    let list = self.list(")");
                    self.printing = before;
                    list?
                }
                false => Vec::new(),
            };
            let (least, most) = match *known {
                "length" | "fflush" => (0, 1),
                "int" | "sqrt" | "tolower" | "toupper" | "close" | "system" => (1, 1),
                "sprintf" => (1, usize::MAX),
                "index" => (2, 2),
                // The fourth of `split`, which takes the separators, is gawk's.
                _ => (2, 3),
            };
            return match arguments.len() {
                count if count < least => Err(format!("too few arguments of `{name}'")),
                count if count > most => Err(format!("too many arguments of `{name}'")),
                _ => Ok(Expr::Call(known, arguments)),
            };
        }
        if called && !["in"].contains(&name.as_str()) {
            return Err(format!(
                "functions of one's own (`{name}`) are not simulated"
            ));
        }
        match self.take("[") {
            true => {
                let before = (
                    std::mem::take(&mut self.printing),
                    std::mem::take(&mut self.no_in),
                );
                let keys = self.list("]")?;
                (self.printing, self.no_in) = before;
                Ok(Expr::Element(name, keys))
            }
            false => Ok(Expr::Variable(name)),
        }
    }
}
