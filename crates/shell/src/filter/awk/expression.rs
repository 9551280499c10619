//! From tokens to expressions, by how closely operators bind.

use super::Expr;
use super::parse::{Parsed, Parser};
use super::token::Token;

const FUNCTIONS: &[&str] = &[
    "length", "substr", "index", "split", "sub", "gsub", "match", "sprintf", "tolower", "toupper",
    "int", "sqrt",
];

/// What there is in awk, and not here.
const UNSIMULATED: &[&str] = &[
    "getline",
    "system",
    "close",
    "fflush",
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
            left = Expr::Binary("||", Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expr> {
        let mut left = self.membership()?;
        while self.take("&&") {
            self.skip_lines();
            left = Expr::Binary("&&", Box::new(left), Box::new(self.membership()?));
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
            left = Expr::Binary(sign, Box::new(left), Box::new(self.comparison()?));
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
            left = Expr::Binary(" ", Box::new(left), Box::new(self.sum()?));
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
            left = Expr::Binary(sign, Box::new(left), Box::new(self.product()?));
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
            left = Expr::Binary(sign, Box::new(left), Box::new(self.unary()?));
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
                let target = self.postfix()?;
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
                let target = self.field()?;
                return Ok(Expr::Step(Box::new(target), by, true));
            }
        }
        match self.take("-") {
            true => Ok(Expr::Unary('-', Box::new(self.field()?))),
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
            let least = match *known {
                "length" => 0,
                "int" | "sqrt" | "tolower" | "toupper" | "sprintf" => 1,
                _ => 2,
            };
            return match arguments.len() < least {
                true => Err(format!("too few arguments of `{name}'")),
                false => Ok(Expr::Call(known, arguments)),
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
