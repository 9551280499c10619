//! Which sockets `ss` shows: states, and an expression (`ssfilter.y` of iproute2).
//!
//! ```text
//! ss -tn state established '( dport = :443 or sport = :22 )' dst 10.0.0.0/16
//!        single state       either port             and    that network
//! ```

use std::net::{IpAddr, SocketAddr};

use wirelab_model::IpNet;

use super::Refusal;
use super::names::service_port;

/// A socket's end as far as a filter looks at it.
type End = (Option<IpAddr>, u16);

/// Conditions, and what joins them.
enum Expression {
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Not(Box<Self>),
    /// `src` or `dst`: network, port.
    Host(Side, Option<IpNet>, Option<u16>),
    /// `sport` or `dport`.
    Port(Side, Comparison, u16),
}

#[derive(Clone, Copy)]
enum Side {
    Local,
    Remote,
}

#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

impl Comparison {
    fn named(text: &str) -> Option<Self> {
        Some(match text {
            "=" | "==" | "eq" => Self::Equal,
            "!=" | "ne" | "neq" => Self::Unequal,
            "<" | "lt" => Self::Less,
            ">" | "gt" => Self::Greater,
            "<=" | "le" | "leq" => Self::AtMost,
            ">=" | "ge" | "geq" => Self::AtLeast,
            _ => return None,
        })
    }

    const fn holds(self, port: u16, than: u16) -> bool {
        match self {
            Self::Equal => port == than,
            Self::Unequal => port != than,
            Self::Less => port < than,
            Self::Greater => port > than,
            Self::AtMost => port <= than,
            Self::AtLeast => port >= than,
        }
    }
}

impl Expression {
    fn lets(&self, local: End, remote: End) -> bool {
        let end = |side: &Side| match side {
            Side::Local => local,
            Side::Remote => remote,
        };
        match self {
            Self::Or(one, other) => one.lets(local, remote) || other.lets(local, remote),
            Self::And(one, other) => one.lets(local, remote) && other.lets(local, remote),
            Self::Not(inner) => !inner.lets(local, remote),
            Self::Host(side, net, port) => {
                let (address, at) = end(side);
                net.is_none_or(|net| address.is_some_and(|it| net.contains(&it)))
                    && port.is_none_or(|port| port == at)
            }
            Self::Port(side, comparison, than) => comparison.holds(end(side).1, *than),
        }
    }
}

/// `state ...` and the expression.
#[derive(Default)]
pub(super) struct Filter {
    pub(super) states: Option<Vec<&'static str>>,
    /// The single state that was asked for is not shown again.
    pub(super) single: bool,
    expression: Option<Expression>,
}

/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 50;

struct Reader<'a> {
    words: &'a [&'a str],
    usage: &'static str,
    depth: usize,
}

impl Filter {
    /// Reads the words behind the options.
    ///
    /// # Errors
    /// What is no state, no address or no expression.
    pub(super) fn read(words: &[String], usage: &'static str) -> Result<Self, Refusal> {
        // An argument in quotes may hold several words.
        let words: Vec<&str> = words.iter().flat_map(|it| it.split_whitespace()).collect();
        let mut filter = Self::default();
        let mut rest = &words[..];
        while let [verb @ ("state" | "exclude"), tail @ ..] = rest {
            let Some((name, tail)) = tail.split_first() else {
                return Err(Refusal::with_status(255, "ss: missing state name\n"));
            };
            let named = states(name).ok_or_else(|| {
                Refusal::with_status(255, format!("ss: wrong state name: {name}\n"))
            })?;
            let all = || states("all").unwrap_or_default();
            filter.states = Some(match (*verb, filter.states.take()) {
                ("state", before) => {
                    let mut list = before.unwrap_or_default();
                    list.extend(named);
                    list
                }
                (_, before) => {
                    let mut list = before.unwrap_or_else(all);
                    list.retain(|it| !named.contains(it));
                    list
                }
            });
            rest = tail;
        }
        filter.single = filter.states.as_ref().is_some_and(|it| it.len() == 1);
        if !rest.is_empty() {
            let mut reader = Reader {
                words: rest,
                usage,
                depth: 0,
            };
            let expression = reader.either()?;
            if !reader.words.is_empty() {
                return Err(reader.nonsense());
            }
            filter.expression = Some(expression);
        }
        Ok(filter)
    }

    pub(super) fn lets(&self, local: End, remote: Option<SocketAddr>) -> bool {
        let far = (remote.map(|it| it.ip()), remote.map_or(0, |it| it.port()));
        let expression = self.expression.as_ref();
        expression.is_none_or(|it| it.lets(local, far))
    }
}

impl Reader<'_> {
    fn nonsense(&self) -> Refusal {
        let text = "ss: bison bellows (while parsing filter): \"syntax error!\" Sorry.";
        Refusal::with_status(255, format!("{text}\n{}", self.usage))
    }

    fn take(&mut self) -> Option<&str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take_if(&mut self, wanted: &[&str]) -> bool {
        let fits = self.words.first().is_some_and(|it| wanted.contains(it));
        if fits {
            self.words = &self.words[1..];
        }
        fits
    }

    fn either(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.both()?;
        while self.take_if(&["or", "|", "||"]) {
            left = Expression::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    /// What stands beside each other must hold together, with or without `and`.
    fn both(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.one()?;
        loop {
            let joined = self.take_if(&["and", "&", "&&"]);
            let ends = matches!(self.words.first(), None | Some(&("or" | "|" | "||" | ")")));
            if ends && !joined {
                return Ok(left);
            }
            left = Expression::And(Box::new(left), Box::new(self.one()?));
        }
    }

    fn one(&mut self) -> Result<Expression, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.nonsense());
        }
        let read = self.condition();
        self.depth -= 1;
        read
    }

    fn condition(&mut self) -> Result<Expression, Refusal> {
        if self.take_if(&["not", "!"]) {
            return Ok(Expression::Not(Box::new(self.one()?)));
        }
        if self.take_if(&["("]) {
            let inner = self.either()?;
            return match self.take_if(&[")"]) {
                true => Ok(inner),
                false => Err(self.nonsense()),
            };
        }
        let word = self.take().map(str::to_owned);
        let side = match word.as_deref() {
            Some("src" | "sport") => Side::Local,
            Some("dst" | "dport") => Side::Remote,
            Some(")" | "and" | "or" | "&" | "|" | "&&" | "||") | None => {
                return Err(self.nonsense());
            }
            Some(other) if end(other).is_none() => return Err(no_prefix(other)),
            Some(_) => return Err(self.nonsense()),
        };
        let comparison = (self.words.first()).and_then(|it| Comparison::named(it));
        if comparison.is_some() {
            self.take();
        }
        let comparison = comparison.unwrap_or(Comparison::Equal);
        let is_port = word.is_some_and(|it| it.ends_with("port"));
        let Some(value) = self.take().map(str::to_owned) else {
            return Err(self.nonsense());
        };
        if is_port {
            let text = value
                .rsplit_once(':')
                .map_or(value.as_str(), |(_, port)| port);
            let port = text.parse().ok().or_else(|| service_port(text));
            let port = port.ok_or_else(|| no_prefix(&value))?;
            return Ok(Expression::Port(side, comparison, port));
        }
        let (net, port) = end(&value).ok_or_else(|| no_prefix(&value))?;
        let host = Expression::Host(side, net, port);
        match comparison {
            Comparison::Equal => Ok(host),
            Comparison::Unequal => Ok(Expression::Not(Box::new(host))),
            _ => Err(self.nonsense()),
        }
    }
}

fn no_prefix(text: &str) -> Refusal {
    Refusal::with_status(
        1,
        format!(
            "Error: an inet prefix is expected rather than \"{text}\".\n\
             Cannot parse dst/src address.\n"
        ),
    )
}

/// States by the names that filters have for them.
fn states(word: &str) -> Option<Vec<&'static str>> {
    const CONNECTED: [&str; 9] = [
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSING",
    ];
    Some(match word {
        "established" => vec!["ESTAB"],
        "syn-sent" => vec!["SYN-SENT"],
        "syn-recv" => vec!["SYN-RECV"],
        "fin-wait-1" => vec!["FIN-WAIT-1"],
        "fin-wait-2" => vec!["FIN-WAIT-2"],
        "time-wait" => vec!["TIME-WAIT"],
        "close-wait" => vec!["CLOSE-WAIT"],
        "last-ack" => vec!["LAST-ACK"],
        "closing" => vec!["CLOSING"],
        "listening" | "listen" => vec!["LISTEN"],
        "closed" | "unconnected" => vec!["UNCONN"],
        "connected" => CONNECTED.to_vec(),
        "bucket" => vec!["SYN-RECV", "TIME-WAIT"],
        "big" => {
            let small = ["SYN-RECV", "TIME-WAIT"];
            let big = CONNECTED.into_iter().filter(|it| !small.contains(it));
            big.chain(["LISTEN", "UNCONN"]).collect()
        }
        "synchronized" => {
            let all = CONNECTED.into_iter();
            all.filter(|it| *it != "SYN-SENT").collect()
        }
        "all" => CONNECTED.into_iter().chain(["LISTEN", "UNCONN"]).collect(),
        _ => return None,
    })
}

/// `10.0.2.20`, `10.0.2.0/24`, `10.0.2.20:80`, `[fd00::1]:80`, `:80`, `:http`.
fn end(text: &str) -> Option<(Option<IpNet>, Option<u16>)> {
    let net = |text: &str| -> Option<IpNet> {
        let text = text.trim_matches(['[', ']']);
        let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse().ok().or_else(single)
    };
    if let Some(net) = net(text) {
        return Some((Some(net), None));
    }
    let (address, port) = text.rsplit_once(':')?;
    let port = match port {
        "*" | "" => None,
        port => Some(port.parse().ok().or_else(|| service_port(port))?),
    };
    match address {
        "" | "*" => Some((None, port)),
        address => Some((Some(net(address)?), port)),
    }
}
