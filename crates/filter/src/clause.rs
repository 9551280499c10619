//! The boolean skeleton of an expression: what its clauses are and how they are joined.
//!
//! pcap-filter's grammar (libpcap's grammar.y) gives `and` and `or` the same rank, from left to
//! right; `not` binds tighter. A clause may leave out the qualifiers of the clause before it (`port
//! 80 or 443`); here every clause gets them back, so that it can stand alone and be taken out.

use std::ops::Range;

use crate::lex::{Kind, Token, tokens};

/// A clause: a condition without `and`, `or`, `not` outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    /// Where it stands, in octets of the expression.
    pub(crate) span: Range<usize>,
    /// As written.
    pub(crate) written: String,
    /// With the qualifiers that it inherits.
    pub(crate) whole: String,
}

/// An expression over clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    /// An index into the clauses.
    Clause(usize),
}

/// An expression taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Skeleton {
    pub(crate) clauses: Vec<Clause>,
    pub(crate) root: Node,
}

impl Skeleton {
    /// Takes an expression apart; `None` for an empty one and for what is no expression.
    pub(crate) fn of(expression: &str) -> Option<Self> {
        let tokens = tokens(expression);
        let mut parser = Parser::new(expression, &tokens);
        let root = parser.expression()?;
        let is_whole = parser.at == tokens.len();
        is_whole.then_some(Self {
            clauses: parser.clauses,
            root,
        })
    }

    /// The expression again, every clause whole and every operator in parentheses.
    pub(crate) fn render(&self, node: &Node) -> String {
        match node {
            Node::And(left, right) => {
                format!("({} and {})", self.render(left), self.render(right))
            }
            Node::Or(left, right) => format!("({} or {})", self.render(left), self.render(right)),
            Node::Not(inner) => format!("not {}", self.render(inner)),
            Node::Clause(index) => self.clauses[*index].whole.clone(),
        }
    }
}

impl Skeleton {
    /// The expression as libpcap reads it, for people: clauses as written, no parentheses around
    /// the whole.
    pub(crate) fn describe(&self) -> String {
        let text = self.describe_node(&self.root);
        match text
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'))
        {
            Some(inner) if matches!(self.root, Node::And(..) | Node::Or(..)) => inner.to_owned(),
            _ => text,
        }
    }

    fn describe_node(&self, node: &Node) -> String {
        let joined = |left, word, right| {
            format!(
                "({} {word} {})",
                self.describe_node(left),
                self.describe_node(right)
            )
        };
        match node {
            Node::And(left, right) => joined(left, "and", right),
            Node::Or(left, right) => joined(left, "or", right),
            Node::Not(inner) => format!("not {}", self.describe_node(inner)),
            Node::Clause(index) => self.clauses[*index].written.clone(),
        }
    }
}

/// The expression as people who think of programming languages read it, `and` before `or`; `None`
/// if that is no other reading.
pub(crate) fn with_usual_ranks(expression: &str) -> Option<String> {
    let skeleton = Skeleton::of(expression)?;
    let tokens = tokens(expression);
    let mut parser = Parser::new(expression, &tokens);
    let usual = parser.usual_expression()?;
    (usual != skeleton.root).then(|| skeleton.render(&usual))
}

impl Node {
    /// The expression without a clause: true in an `and`, false in an `or`. `None` if nothing is
    /// left.
    pub(crate) fn without(&self, clause: usize) -> Option<Self> {
        match self {
            Self::Clause(index) => (*index != clause).then_some(Self::Clause(*index)),
            Self::Not(inner) => Some(Self::Not(Box::new(inner.without(clause)?))),
            Self::And(left, right) => {
                Self::joined(left.without(clause), right.without(clause), Self::And)
            }
            Self::Or(left, right) => {
                Self::joined(left.without(clause), right.without(clause), Self::Or)
            }
        }
    }

    fn joined(
        left: Option<Self>,
        right: Option<Self>,
        join: impl Fn(Box<Self>, Box<Self>) -> Self,
    ) -> Option<Self> {
        match (left, right) {
            (Some(left), Some(right)) => Some(join(Box::new(left), Box::new(right))),
            (one, other) => one.or(other),
        }
    }

    /// The value of the expression, given those of its clauses.
    pub(crate) fn value(&self, clauses: &[bool]) -> bool {
        match self {
            Self::Clause(at) => clauses[*at],
            Self::Not(inner) => !inner.value(clauses),
            Self::And(left, right) => left.value(clauses) && right.value(clauses),
            Self::Or(left, right) => left.value(clauses) || right.value(clauses),
        }
    }

    /// The clauses that must hold as well wherever `clause` counts: those joined to it by `and`.
    pub(crate) fn conjuncts_of(&self, clause: usize) -> Vec<usize> {
        let mut conjuncts = Vec::new();
        self.collect_conjuncts(clause, &mut conjuncts);
        conjuncts
    }

    /// Whether `clause` is in here.
    fn collect_conjuncts(&self, clause: usize, conjuncts: &mut Vec<usize>) -> bool {
        match self {
            Self::Clause(index) => *index == clause,
            Self::Not(inner) => inner.collect_conjuncts(clause, conjuncts),
            Self::Or(left, right) => {
                left.collect_conjuncts(clause, conjuncts)
                    || right.collect_conjuncts(clause, conjuncts)
            }
            Self::And(left, right) => {
                let in_left = left.collect_conjuncts(clause, conjuncts);
                let found = in_left || right.collect_conjuncts(clause, conjuncts);
                if found {
                    let other = if in_left { right } else { left };
                    other.collect_required(conjuncts);
                }
                found
            }
        }
    }

    /// The clauses without which this cannot hold.
    fn collect_required(&self, required: &mut Vec<usize>) {
        match self {
            Self::Clause(index) => required.push(*index),
            Self::And(left, right) => {
                left.collect_required(required);
                right.collect_required(required);
            }
            Self::Or(..) | Self::Not(_) => {}
        }
    }
}

struct Parser<'a> {
    expression: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    /// Qualifiers of the last clause that had some.
    head: String,
    clauses: Vec<Clause>,
    usual_ranks: bool,
}

impl<'a> Parser<'a> {
    fn new(expression: &'a str, tokens: &'a [Token<'a>]) -> Self {
        Self {
            expression,
            tokens,
            at: 0,
            head: String::new(),
            clauses: Vec::new(),
            usual_ranks: false,
        }
    }

    /// As [`Self::expression`], but `and` binds tighter than `or`.
    fn usual_expression(&mut self) -> Option<Node> {
        self.usual_ranks = true;
        self.expression()
    }

    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn expression(&mut self) -> Option<Node> {
        let mut left = self.negation()?;
        while let Some(token) = self.peek() {
            if token.is_and() {
                self.at += 1;
                left = Node::And(Box::new(left), Box::new(self.negation()?));
            } else if token.is_or() {
                self.at += 1;
                left = Node::Or(Box::new(left), Box::new(self.alternative()?));
            } else {
                break;
            }
        }
        Some(left)
    }

    /// What stands right of an `or`.
    fn alternative(&mut self) -> Option<Node> {
        let mut left = self.negation()?;
        while self.usual_ranks && self.peek().is_some_and(Token::is_and) {
            self.at += 1;
            left = Node::And(Box::new(left), Box::new(self.negation()?));
        }
        Some(left)
    }

    fn negation(&mut self) -> Option<Node> {
        let token = self.peek()?;
        if token.is_not() {
            self.at += 1;
            return Some(Node::Not(Box::new(self.negation()?)));
        }
        if token.is("(") && !self.opens_arithmetic() {
            self.at += 1;
            let inner = self.expression()?;
            self.peek().filter(|token| token.is(")"))?;
            self.at += 1;
            return Some(inner);
        }
        self.clause()
    }

    /// Whether the parenthesis here belongs to a computation: an operator follows its end.
    fn opens_arithmetic(&self) -> bool {
        const OPERATORS: [&str; 16] = [
            "&", "|", "+", "-", "*", "/", "%", "^", "<<", ">>", "=", "==", "!=", "<", ">", "<=",
        ];
        let end = closing(self.tokens, self.at);
        let after = end.and_then(|end| self.tokens.get(end + 1));
        after.is_some_and(|token| token.is(">=") || OPERATORS.iter().any(|text| token.is(text)))
    }

    fn clause(&mut self) -> Option<Node> {
        let start = self.at;
        while let Some(token) = self.peek() {
            if token.is_and() || token.is_or() || token.is_not() || token.is(")") {
                break;
            }
            let opens = token.is("(") || token.is("[");
            self.at = if opens {
                closing(self.tokens, self.at)?
            } else {
                self.at
            } + 1;
        }
        let (first, last) = match &self.tokens[start..self.at] {
            [] => return None,
            [only] => (only, only),
            [first, .., last] => (first, last),
        };
        let span = first.span.start..last.span.end;
        let written = self.expression[span.clone()].to_owned();
        let whole = self.with_head(start, &written);
        self.clauses.push(Clause {
            span,
            written,
            whole,
        });
        Some(Node::Clause(self.clauses.len() - 1))
    }

    /// Gives a clause that is a bare value the qualifiers of the one before.
    fn with_head(&mut self, start: usize, written: &str) -> String {
        let own = self.tokens[start..self.at]
            .iter()
            .take_while(|token| is_qualifier(token))
            .last();
        match own {
            Some(last) => {
                let from = self.tokens[start].span.start;
                self.head = self.expression[from..last.span.end].to_owned();
                written.to_owned()
            }
            None if self.is_bare_value(start) && !self.head.is_empty() => {
                format!("{} {written}", self.head)
            }
            None => written.to_owned(),
        }
    }

    /// An address, a port, a name, a block: nothing that is compared or computed.
    fn is_bare_value(&self, start: usize) -> bool {
        let tokens = &self.tokens[start..self.at];
        let is_value = |token: &Token<'_>| {
            matches!(
                token.kind,
                Kind::Number | Kind::Address | Kind::Escaped | Kind::Word
            )
        };
        match tokens {
            [value] => is_value(value),
            [value, slash, length] => is_value(value) && slash.is("/") && is_value(length),
            _ => false,
        }
    }
}

fn is_qualifier(token: &Token<'_>) -> bool {
    const QUALIFIERS: [&str; 20] = [
        "ip",
        "ip6",
        "arp",
        "rarp",
        "tcp",
        "udp",
        "sctp",
        "icmp",
        "icmp6",
        "ether",
        "link",
        "src",
        "dst",
        "host",
        "net",
        "port",
        "portrange",
        "proto",
        "protochain",
        "gateway",
    ];
    token.kind == Kind::Word && QUALIFIERS.contains(&token.text)
}

/// Where the parenthesis or bracket at `open` closes.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is("(") || token.is("[") {
            depth += 1;
        } else if token.is(")") || token.is("]") {
            depth -= 1;
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}
