//! The command line of `dig`: what holds for all of it, and what for one name.
//!
//! An option before the first name is everybody's, one behind a name that name's alone; `+short`,
//! `+cmd`, `+search`, `+time` and `-p` are everybody's wherever they stand (`parse_args` of
//! `dig.c`).

use hickory_proto::rr::{DNSClass, RecordType};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::SimDuration;

use super::Refusal;
use crate::dns;

const TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// Tries of the first server.
const TRIES: usize = 3;
/// What dig offers to take by UDP.
const PAYLOAD: u16 = 1232;

const USAGE: &str = "usage: dig [@SERVER] [-4] [-p PORT] [-u] NAME [TYPE] [CLASS] [-t TYPE] \
    [-c CLASS] [-q NAME] [-x ADDRESS] [+short] [+tcp] [+[no]all|answer|authority|additional|\
    question|comments|stats|cmd|ttlid|class|identify] [+[no]recurse] [+[no]edns] [+bufsize=N] \
    [+[no]search] [+[no]idnin] [+time=SECONDS] [+tries=N] [+retry=N] \
    [NAME ... [@SERVER] [OPTIONS]]\n";

/// What holds for every name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Common {
    pub(super) short: bool,
    pub(super) command: bool,
    pub(super) search: bool,
    /// So many of them make a name that is not searched for.
    pub(super) dots: usize,
    /// Searched in place of what resolv.conf says.
    pub(super) domain: Option<SmolStr>,
    pub(super) time: SimDuration,
    pub(super) port: u16,
    /// `-u`.
    pub(super) micros: bool,
}

/// What is printed and how it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Look {
    pub(super) comments: bool,
    pub(super) question: bool,
    pub(super) answer: bool,
    pub(super) authority: bool,
    pub(super) additional: bool,
    pub(super) stats: bool,
    pub(super) ttl: bool,
    pub(super) class: bool,
    pub(super) identify: bool,
    pub(super) recurse: bool,
    pub(super) edns: bool,
    payload: u16,
    pub(super) idn: bool,
    pub(super) tcp: bool,
    pub(super) tries: usize,
}

/// A name to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lookup {
    pub(super) name: String,
    pub(super) kind: Option<u16>,
    /// `-x`: PTR, unless another type is asked for.
    reverse: bool,
    pub(super) class: Option<u16>,
    /// It came of another one's answer, and is tried as it stands.
    pub(super) follows: bool,
    pub(super) look: Look,
    /// `@SERVER` behind the name.
    pub(super) servers: Vec<String>,
}

/// What was typed.
pub(super) struct Asked {
    pub(super) common: Common,
    /// `@SERVER` before the names.
    pub(super) servers: Vec<String>,
    pub(super) lookups: Vec<Lookup>,
    /// Complaints that stop nothing.
    pub(super) warnings: String,
    /// The lines that say what was asked come before the answer.
    pub(super) greets: bool,
    /// What names are begun with.
    default: Lookup,
    /// Types and classes may stand alone.
    open: bool,
}

impl Common {
    pub(super) const fn new() -> Self {
        Self {
            short: false,
            command: true,
            search: false,
            dots: 1,
            domain: None,
            time: TIMEOUT,
            port: dns::PORT,
            micros: false,
        }
    }
}

impl Look {
    pub(super) const fn new() -> Self {
        Self {
            comments: true,
            question: true,
            answer: true,
            authority: true,
            additional: true,
            stats: true,
            ttl: true,
            class: true,
            identify: false,
            recurse: true,
            edns: true,
            payload: PAYLOAD,
            idn: true,
            tcp: false,
            tries: TRIES,
        }
    }

    /// As `host` and `nslookup` ask: without EDNS, and nothing is said of failures on the way.
    pub(super) const fn bare(tries: usize) -> Self {
        let mut look = Self::new();
        look.edns = false;
        look.comments = false;
        look.tries = tries;
        look
    }

    pub(super) fn payload(self) -> Option<u16> {
        self.edns.then_some(self.payload)
    }
}

impl Lookup {
    pub(super) fn new(look: Look) -> Self {
        Self {
            name: ".".to_owned(),
            kind: None,
            reverse: false,
            class: None,
            follows: false,
            look,
            servers: Vec::new(),
        }
    }

    pub(super) fn of(name: &str, kind: Option<u16>, look: Look) -> Self {
        let mut lookup = Self::new(look);
        name.clone_into(&mut lookup.name);
        lookup.kind = kind;
        lookup
    }

    pub(super) fn kind(&self) -> RecordType {
        match (self.kind, self.reverse) {
            (Some(kind), _) => kind.into(),
            (None, true) => RecordType::PTR,
            (None, false) => RecordType::A,
        }
    }

    pub(super) fn class(&self) -> DNSClass {
        self.class.map_or(DNSClass::IN, DNSClass::from)
    }

    /// Why the name is none: exit code and text, without the program's name. `searched`: a domain
    /// was put behind it first.
    pub(super) fn illegal(&self, searched: bool) -> Option<(i32, String)> {
        let Self { name, look, .. } = self;
        let text = name.strip_suffix('.').unwrap_or(name);
        let long_label = text.split('.').any(|label| label.len() > 63);
        let complain = |status, what: &str, why: &str| {
            let hint = if what.is_empty() {
                ""
            } else {
                ", use +noidnin"
            };
            let kind = match searched && what.is_empty() {
                true => "in legal name syntax".to_owned(),
                false => format!("a legal{what} name"),
            };
            let text = format!("'{name}' is not {kind} ({why}){hint}\n");
            Some((status, text))
        };
        const IDN: &str = " IDNA2008";
        match look.idn {
            true if !name.is_ascii() => {
                return complain(1, IDN, "could not convert string to UTF-8");
            }
            true if long_label => {
                return complain(1, IDN, "domain label longer than 63 characters");
            }
            true if text.len() > 253 => {
                return complain(1, IDN, "domain name longer than 255 characters");
            }
            _ => {}
        }
        if name.is_empty() {
            return complain(10, "", "unexpected end of input");
        }
        if text.split('.').any(str::is_empty) && !text.is_empty() {
            return complain(10, "", "empty label");
        }
        if long_label {
            return complain(10, "", "label too long");
        }
        if text.len() > 253 {
            return complain(10, "", "ran out of space");
        }
        match dns::absolute(name) {
            Some(_) => None,
            None => complain(10, "", "bad label type"),
        }
    }
}

/// A number behind an option of dig's, in its words.
fn number<T: std::str::FromStr>(
    text: &str,
    what: &str,
    named: &str,
    status: i32,
) -> Result<T, Refusal> {
    text.parse().map_err(|_| {
        let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let why = if is_number {
            "out of range"
        } else {
            "not a valid number"
        };
        let text = format!("invalid {what} '{text}': {why}\ndig: Couldn't parse {named}\n");
        Refusal::with_status(status, text)
    })
}

fn unsupported(word: &str) -> Refusal {
    Refusal::with_status(1, format!("dig: {word} (not supported here)\n{USAGE}"))
}

pub(super) fn record_type(text: &str) -> Option<u16> {
    let upper = text.to_ascii_uppercase();
    let numbered = upper.strip_prefix("TYPE").and_then(|it| it.parse().ok());
    numbered.or_else(|| upper.parse::<RecordType>().ok().map(u16::from))
}

fn record_class(text: &str) -> Option<u16> {
    let upper = text.to_ascii_uppercase();
    let class = match upper.as_str() {
        "IN" => DNSClass::IN,
        "CH" | "CHAOS" => DNSClass::CH,
        "HS" | "HESIOD" => DNSClass::HS,
        "ANY" => DNSClass::ANY,
        "NONE" => DNSClass::NONE,
        other => return other.strip_prefix("CLASS")?.parse().ok(),
    };
    Some(u16::from(class))
}

impl Asked {
    /// One name, asked for by another program.
    pub(super) fn one(common: Common, lookup: Lookup, server: Option<String>) -> Self {
        Self {
            common,
            servers: server.into_iter().collect(),
            warnings: String::new(),
            greets: false,
            default: lookup.clone(),
            lookups: vec![lookup],
            open: false,
        }
    }

    pub(super) fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self {
            common: Common::new(),
            servers: Vec::new(),
            lookups: Vec::new(),
            warnings: String::new(),
            greets: false,
            default: Lookup::new(Look::new()),
            open: true,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if let Some(server) = word.strip_prefix('@') {
                match asked.lookups.last_mut() {
                    Some(lookup) => lookup.servers.push(server.to_owned()),
                    None => asked.servers.push(server.to_owned()),
                }
            } else if let Some(option) = word.strip_prefix('+') {
                asked.plus(option)?;
            } else if let Some(option) = word.strip_prefix('-') {
                asked.dash(option, &mut words)?;
            } else {
                asked.operand(word);
            }
        }
        if asked.lookups.is_empty() {
            asked.begin(".");
            asked.current().kind = Some(RecordType::NS.into());
        }
        Ok(asked)
    }

    /// What an option is about: the last name, or all that are to come.
    fn current(&mut self) -> &mut Lookup {
        self.lookups.last_mut().unwrap_or(&mut self.default)
    }

    /// The words of a new name begin.
    fn begin(&mut self, name: &str) {
        if self.lookups.is_empty() {
            self.greets = self.common.command && !self.common.short;
        }
        let mut lookup = self.default.clone();
        lookup.name = name.to_owned();
        self.lookups.push(lookup);
    }

    fn operand(&mut self, word: &str) {
        let kind = record_type(word).filter(|_| self.open);
        let class = record_class(word).filter(|_| self.open);
        match (kind, class) {
            (Some(kind), _) => self.set_kind(kind),
            (None, Some(class)) => self.set_class(class),
            (None, None) => self.begin(word),
        }
    }

    fn set_kind(&mut self, kind: u16) {
        if self.current().kind.replace(kind).is_some() {
            self.warnings += ";; Warning, extra type option\n";
        }
    }

    fn set_class(&mut self, class: u16) {
        if self.current().class.replace(class).is_some() {
            self.warnings += ";; Warning, extra class option\n";
        }
    }

    /// `-t` and the like, their values attached or apart.
    fn dash(
        &mut self,
        option: &str,
        words: &mut std::slice::Iter<'_, String>,
    ) -> Result<(), Refusal> {
        match option {
            "4" => return Ok(()),
            "u" => {
                self.common.micros = true;
                return Ok(());
            }
            _ => {}
        }
        let letter = option.chars().next().unwrap_or(' ');
        if !"cpqtx".contains(letter) {
            return Err(unsupported(&format!("-{option}")));
        }
        let attached = &option[letter.len_utf8()..];
        let value = match attached {
            "" => words.next().map(String::as_str),
            attached => Some(attached),
        };
        let value = value.ok_or_else(|| {
            Refusal::with_status(1, format!("Invalid option: -{option}\n{USAGE}"))
        })?;
        match letter {
            'c' => {
                self.open = false;
                match record_class(value) {
                    Some(class) => self.set_class(class),
                    None => {
                        self.warnings += &format!(";; Warning, ignoring invalid class {value}\n");
                    }
                }
            }
            't' => {
                self.open = false;
                match record_type(value) {
                    Some(kind) => self.set_kind(kind),
                    None => {
                        self.warnings += &format!(";; Warning, ignoring invalid type {value}\n");
                    }
                }
            }
            'p' => self.common.port = number(value, "port number", "port number", 1)?,
            'q' => self.begin(value),
            _ => {
                self.begin(&reverse_name(value));
                self.current().reverse = true;
            }
        }
        Ok(())
    }

    /// `+WORD[=VALUE]`; as much of the word as tells it from others is enough.
    fn plus(&mut self, word: &str) -> Result<(), Refusal> {
        let unsupported = || unsupported(&format!("+{word}"));
        if let Some((name, value)) = word.split_once('=') {
            return match name {
                "time" | "timeout" => {
                    let seconds: u32 = number(value, "timeout", "timeout", 10)?;
                    self.common.time = SimDuration::from_secs(u64::from(seconds.max(1)));
                    Ok(())
                }
                "tries" | "retry" => {
                    let number: u32 = number(value, name, name, 10)?;
                    let more = u32::from(name == "retry");
                    self.current().look.tries = (number.saturating_add(more).max(1)) as usize;
                    Ok(())
                }
                "bufsize" => {
                    let size = number(value, "buffer size", "buffer size", 10)?;
                    self.current().look.payload = size;
                    self.current().look.edns = size > 0;
                    Ok(())
                }
                _ => Err(unsupported()),
            };
        }
        if word == "trace" {
            return Err(Refusal::usage(format!(
                "dig: +trace (not supported here): machines reach the resolver that \
                 /etc/resolv.conf names, and no root server\n{USAGE}"
            )));
        }
        let (name, on) = match word.strip_prefix("no") {
            Some(name) => (name, false),
            None => (word, true),
        };
        if matches!(name, "al" | "all") {
            self.common.command = on;
            let look = &mut self.current().look;
            for flag in [
                &mut look.comments,
                &mut look.question,
                &mut look.answer,
                &mut look.authority,
                &mut look.additional,
                &mut look.stats,
            ] {
                *flag = on;
            }
            return Ok(());
        }
        *self.flag(name).ok_or_else(unsupported)? = on;
        Ok(())
    }

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        const NAMES: [&str; 18] = [
            "short",
            "cmd",
            "search",
            "comments",
            "question",
            "answer",
            "authority",
            "additional",
            "stats",
            "ttlid",
            "class",
            "identify",
            "recurse",
            "edns",
            "idnin",
            "tcp",
            "vc",
            "rec",
        ];
        let begin = |it: &&&str| it.starts_with(name) && name.len() >= 2;
        let mut all = NAMES.iter().filter(begin);
        let full = match NAMES.iter().find(|it| **it == name) {
            Some(exact) => *exact,
            None => {
                let one = all.next()?;
                all.next().is_none().then_some(*one)?
            }
        };
        match full {
            "short" => return Some(&mut self.common.short),
            "cmd" => return Some(&mut self.common.command),
            "search" => return Some(&mut self.common.search),
            _ => {}
        }
        let look = &mut self.current().look;
        Some(match full {
            "comments" => &mut look.comments,
            "question" => &mut look.question,
            "answer" => &mut look.answer,
            "authority" => &mut look.authority,
            "additional" => &mut look.additional,
            "stats" => &mut look.stats,
            "ttlid" => &mut look.ttl,
            "class" => &mut look.class,
            "identify" => &mut look.identify,
            "recurse" | "rec" => &mut look.recurse,
            "edns" => &mut look.edns,
            "idnin" => &mut look.idn,
            _ => &mut look.tcp,
        })
    }
}

/// The name of `-x`: of what is no address, the labels the other way round (`get_reverse`).
fn reverse_name(text: &str) -> String {
    if let Ok(address) = text.parse() {
        return dns::reverse_name(address) + ".";
    }
    let mut labels: Vec<_> = text.split('.').collect();
    labels.reverse();
    labels.join(".") + ".in-addr.arpa."
}
