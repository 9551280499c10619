//! Clauses that do not say what their author thinks.

use std::fmt;
use std::ops::Range;

use crate::clause::{self, Node, Skeleton};
use crate::error::FilterError;
use crate::filter::Filter;
use crate::hint::SAME_RANK;
use crate::{LinkType, arithmetic, equal, lex};

/// Expressions of more clauses are made by machines, and compiling them often takes long.
const MAX_CLAUSES: usize = 16;

/// What is odd about a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LintKind {
    /// The clause never reads the packet.
    Constant {
        /// What it always is.
        value: bool,
        /// Its comparison in numbers, where it has one: `0x12 != 0`.
        evaluated: Option<String>,
    },
    /// The clause compares a part of the packet with a number that it cannot be.
    Settled {
        /// What the comparison always is, for packets that have the part.
        value: bool,
        /// What the part can be: `from 0 to 255`.
        range: String,
    },
    /// The other clauses say the same without it.
    Redundant,
    /// The filter never keeps a packet with it, or all with it: the clause contradicts the others,
    /// or says with them what is always so.
    Contradicted {
        /// What the filter always says: false for "keeps nothing".
        value: bool,
    },
    /// `tcp[...]` and `udp[...]` read IPv4 packets alone.
    Ipv4Only,
    /// `vlan` and the like move the offsets of all that stands behind them, behind `or` as well
    /// (pcap-filter(7)).
    Shifts,
    /// `and` and `or` have the same rank and are taken from left to right.
    MixedAndOr {
        /// The expression with the parentheses that libpcap sees.
        means: String,
    },
}

/// Something odd in an expression that compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// What.
    pub kind: LintKind,
    /// The clause as written.
    pub clause: String,
    /// Where it stands, in octets of the expression.
    pub span: Range<usize>,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clause = &self.clause;
        match &self.kind {
            LintKind::Constant {
                value,
                evaluated: Some(evaluated),
            } => write!(
                f,
                "`{clause}` is a constant: {evaluated} is always {value}; it never reads the packet"
            ),
            LintKind::Constant {
                value,
                evaluated: None,
            } => write!(f, "`{clause}` is always {value}; it never reads the packet"),
            LintKind::Settled {
                value: false,
                range,
            } => write!(f, "`{clause}` is always false: the value is {range}"),
            LintKind::Settled { value: true, range } => write!(
                f,
                "`{clause}` is true wherever it can be read: the value is {range}"
            ),
            LintKind::Redundant => write!(
                f,
                "`{clause}` changes nothing: the same packets match without it"
            ),
            LintKind::Contradicted { value: false } => write!(
                f,
                "`{clause}` keeps no packet: its conditions exclude each other"
            ),
            LintKind::Contradicted { value: true } => {
                write!(f, "`{clause}` keeps every packet: it says nothing")
            }
            LintKind::Ipv4Only => write!(
                f,
                "`{clause}` reads IPv4 packets only; IPv6 packets never match it"
            ),
            LintKind::Shifts => write!(
                f,
                "`{clause}` moves the offsets of all that is written behind it, also behind `or`: \
                 that is looked for in such frames alone. Write it last: \
                 `... or {clause} and ...`"
            ),
            LintKind::MixedAndOr { means } => write!(f, "{SAME_RANK}: {means}"),
        }
    }
}

/// Looks for oddities in an expression, in the order of their places. Nothing for one that does not
/// compile.
///
/// Each is proved: with libpcap, where its optimiser sees it, else by comparing programs
/// ([`equal::compare`]). A clause is redundant if no packet tells the filter from the one without
/// it, and constant if its own program is one instruction.
#[must_use]
pub fn lints(expression: &str, link: LinkType) -> Vec<Lint> {
    let Ok(filter) = Filter::compile(expression, link) else {
        return Vec::new();
    };
    let shifts: Vec<Lint> = shifts(expression).into_iter().collect();
    let Some(skeleton) = Skeleton::of(expression) else {
        return shifts;
    };
    if skeleton.clauses.len() > MAX_CLAUSES {
        return shifts;
    }
    // Clauses with side effects on those behind (`vlan`) or qualifiers that this crate does not
    // follow: better silent than wrong.
    let rendered = Filter::compile(&skeleton.render(&skeleton.root), link);
    if !rendered.is_ok_and(|rendered| rendered.program() == filter.program()) {
        return shifts;
    }
    let linter = Linter {
        skeleton: &skeleton,
        filter: &filter,
    };
    let mut lints = linter.mixed_and_or();
    match linter.always() {
        Some(lint) => lints.push(lint),
        None => lints.extend(linter.clauses()),
    }
    lints.extend(shifts);
    lints.sort_by_key(|lint| lint.span.start);
    lints
}

/// A word that moves offsets, with an `or` behind it.
fn shifts(expression: &str) -> Option<Lint> {
    const MOVES: [&str; 4] = ["vlan", "mpls", "pppoes", "geneve"];
    let tokens = lex::tokens(expression);
    let at = tokens
        .iter()
        .position(|token| MOVES.iter().any(|word| token.is(word)))?;
    let is_followed = tokens[at..].iter().any(lex::Token::is_or);
    is_followed.then(|| Lint {
        kind: LintKind::Shifts,
        clause: tokens[at].text.to_owned(),
        span: tokens[at].span.clone(),
    })
}

/// Words of what comparisons of programs do not cover: lengths, which padding changes, and frames
/// that are neither IP nor ARP.
const NOT_COMPARED: [&str; 24] = [
    "aarp", "atalk", "byte", "clnp", "decnet", "ether", "geneve", "greater", "ipx", "iso", "len",
    "length", "less", "link", "llc", "mpls", "netbeui", "pppoed", "pppoes", "rarp", "stp", "vlan",
    "vxlan", "wlan",
];

/// A frame that is neither IP nor ARP: of LLDP.
const OTHER: [u8; 60] = {
    let mut frame = [0; 60];
    (frame[12], frame[13]) = (0x88, 0xcc);
    frame
};

/// Looks at one expression.
struct Linter<'a> {
    skeleton: &'a Skeleton,
    filter: &'a Filter,
}

impl Linter<'_> {
    fn compile(&self, expression: &str) -> Result<Filter, FilterError> {
        Filter::compile(expression, self.filter.link())
    }

    fn rejects_all(&self, expression: &str) -> bool {
        matches!(
            self.compile(expression),
            Err(FilterError::RejectsAll { .. })
        )
    }

    fn lint(&self, clause: usize, kind: LintKind) -> Lint {
        let clause = &self.skeleton.clauses[clause];
        Lint {
            kind,
            clause: clause.written.clone(),
            span: clause.span.clone(),
        }
    }

    /// About a clause with the `not` in front of it, and the parentheses that hold it alone.
    fn negated(&self, clause: usize, kind: LintKind) -> Lint {
        let mut lint = self.lint(clause, kind);
        let expression = self.filter.expression();
        let tokens = lex::tokens(expression);
        let mut span = lint.span.clone();
        loop {
            let before = tokens.iter().rfind(|token| token.span.end <= span.start);
            let after = tokens.iter().find(|token| token.span.start >= span.end);
            match (before, after) {
                (Some(not), _) if not.is_not() => {
                    span.start = not.span.start;
                    lint.span = span.clone();
                }
                (Some(open), Some(close)) if open.is("(") && close.is(")") => {
                    span = open.span.start..close.span.end;
                }
                _ => break,
            }
        }
        expression[lint.span.clone()].clone_into(&mut lint.clause);
        lint
    }

    fn clauses(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        let mut rest = self.skeleton.root.clone();
        // From the back, so that of two that imply each other the later one is named.
        for clause in (0..self.skeleton.clauses.len()).rev() {
            if let Some(kind) = self.constant(clause) {
                lints.push(self.lint(clause, kind));
                rest = rest.without(clause).unwrap_or(rest);
            } else if let Some(kind) = self.settled(clause) {
                lints.push(self.lint(clause, kind));
            } else if let Some(shorter) = self.redundant(&rest, clause) {
                lints.push(self.negated(clause, LintKind::Redundant));
                rest = shorter;
            } else if self.is_ipv4_only(clause) {
                lints.push(self.lint(clause, LintKind::Ipv4Only));
            }
        }
        lints
    }

    fn constant(&self, clause: usize) -> Option<LintKind> {
        let whole = &self.skeleton.clauses[clause].whole;
        let value = match self.compile(whole) {
            Ok(filter) => filter.constant()?,
            Err(FilterError::RejectsAll { .. }) => false,
            Err(_) => return None,
        };
        let evaluated = arithmetic::comparison(&lex::tokens(whole));
        Some(LintKind::Constant { value, evaluated })
    }

    /// Whether the clause compares a part of the packet with what that part can never be.
    fn settled(&self, clause: usize) -> Option<LintKind> {
        let tokens = lex::tokens(&self.skeleton.clauses[clause].whole);
        let (value, range) = arithmetic::settled(&tokens)?;
        Some(LintKind::Settled { value, range })
    }

    /// The expression without the clause, if that is the same condition.
    fn redundant(&self, rest: &Node, clause: usize) -> Option<Node> {
        let shorter = rest.without(clause)?;
        let (with, without) = (self.skeleton.render(rest), self.skeleton.render(&shorter));
        let programs = (self.compile(&with).ok()?, self.compile(&without).ok()?);
        let is_same = programs.0.program() == programs.1.program()
            || self.implies(&with, &without) && self.implies(&without, &with)
            || self.is_proved(&programs.0, &programs.1);
        is_same.then_some(shorter)
    }

    /// Whether no packet tells the two apart.
    fn is_proved(&self, one: &Filter, other: &Filter) -> bool {
        let tokens = lex::tokens(self.filter.expression());
        let domain = equal::Domain {
            any_flags: true,
            ..equal::Domain::default()
        };
        !tokens
            .iter()
            .any(|token| NOT_COMPARED.contains(&token.text))
            && one.matches(&OTHER, 60) == other.matches(&OTHER, 60)
            && equal::are_equivalent(one, other, None, domain)
    }

    /// Whether all clauses together say nothing, where libpcap has not seen it.
    fn always(&self) -> Option<Lint> {
        let expression = self.filter.expression();
        if self.filter.constant().is_some() || self.skeleton.clauses.len() < 2 {
            return None;
        }
        // libpcap compiles no expression that it knows to keep nothing: a length that no frame has.
        let constants = [("len > 1000000", false), ("len >= 0", true)];
        let value = constants.into_iter().find_map(|(constant, value)| {
            let constant = self.compile(constant).ok()?;
            self.is_proved(self.filter, &constant).then_some(value)
        })?;
        Some(Lint {
            kind: LintKind::Contradicted { value },
            clause: expression.trim().to_owned(),
            span: 0..expression.len(),
        })
    }

    /// Whether libpcap sees that nothing matches `this` and not `that`.
    fn implies(&self, this: &str, that: &str) -> bool {
        !self.moves_offsets() && self.rejects_all(&format!("{this} and not {that}"))
    }

    /// Whether a clause changes what those behind it read, so that they mean something else when
    /// they are written twice.
    fn moves_offsets(&self) -> bool {
        const MOVERS: [&str; 6] = ["vlan", "mpls", "pppoed", "pppoes", "geneve", "vxlan"];
        let tokens = lex::tokens(self.filter.expression());
        tokens.iter().any(|token| MOVERS.contains(&token.text))
    }

    /// Whether the clause reads a transport header and so never matches IPv6, with nothing beside
    /// it that asks for IPv4.
    fn is_ipv4_only(&self, clause: usize) -> bool {
        let conjuncts = self.skeleton.root.conjuncts_of(clause);
        self.reads_transport(clause)
            && self.excludes_ipv6(clause)
            && !conjuncts
                .into_iter()
                .any(|other| !self.reads_transport(other) && self.excludes_ipv6(other))
    }

    /// `tcp[...]`, `udp[...]`; `icmp[...]` is of IPv4 by its name.
    fn reads_transport(&self, clause: usize) -> bool {
        let tokens = lex::tokens(&self.skeleton.clauses[clause].whole);
        tokens.windows(2).any(|pair| {
            let is_transport = pair[0].is("tcp") || pair[0].is("udp") || pair[0].is("sctp");
            is_transport && pair[1].is("[")
        })
    }

    fn excludes_ipv6(&self, clause: usize) -> bool {
        let whole = &self.skeleton.clauses[clause].whole;
        self.rejects_all(&format!("({whole}) and ip6"))
    }

    /// Says how a mixture without parentheses is read, where the usual ranks would read it
    /// otherwise.
    fn mixed_and_or(&self) -> Vec<Lint> {
        let expression = self.filter.expression();
        let Some(usual) = clause::with_usual_ranks(expression) else {
            return Vec::new();
        };
        match self.compile(&usual) {
            Ok(filter) if filter.program() == self.filter.program() => Vec::new(),
            Err(error) if !matches!(error, FilterError::RejectsAll { .. }) => Vec::new(),
            _ => vec![Lint {
                kind: LintKind::MixedAndOr {
                    means: self.skeleton.describe(),
                },
                clause: expression.trim().to_owned(),
                span: 0..expression.len(),
            }],
        }
    }
}
