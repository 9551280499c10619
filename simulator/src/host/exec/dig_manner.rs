//! In what `dig`, `host` and `nslookup` differ when they ask: the callbacks and flags that each
//! sets for `dighost.c` of BIND 9.18.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use serde::{Deserialize, Serialize};

use super::dig::Dig;
use super::dig_command::{Look, Lookup};

/// Which of the three it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Program {
    Dig,
    Host,
    Nslookup,
}

impl Program {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Dig => "dig",
            Self::Host => "host",
            Self::Nslookup => "nslookup",
        }
    }

    /// With what it ends when a name is none, whatever is wrong with it (`fatalexit`), or a domain
    /// behind it (`searched`).
    pub(super) const fn illegal_status(self, searched: bool) -> Option<i32> {
        match self {
            Self::Dig | Self::Nslookup if !searched => None,
            _ => Some(1),
        }
    }
}

/// How it goes on, and what it remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manner {
    pub(super) program: Program,
    /// No type was asked for: addresses, and what else the program looks for
    /// (`default_lookups`).
    pub(super) usual: bool,
    /// `host -v`, `nslookup -debug`.
    pub(super) verbose: bool,
    /// An answer with SERVFAIL, or from a server that does not recurse, is good enough.
    pub(super) takes_failure: bool,
    pub(super) takes_no_recursion: bool,
    /// The server, as it was typed.
    pub(super) named: Option<String>,
    /// `host` has said which server it asks.
    pub(super) said_server: bool,
    /// There was no address of IPv4 (`a_noanswer`).
    pub(super) without_address: bool,
    heard: Heard,
}

/// What has come of the questions so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Heard {
    Nothing,
    Answers,
    /// That there is no such name, or that a server failed.
    Failure,
}

impl Manner {
    pub(super) const fn dig() -> Self {
        Self::of(Program::Dig)
    }

    pub(super) const fn of(program: Program) -> Self {
        Self {
            program,
            usual: true,
            verbose: false,
            takes_failure: matches!(program, Program::Dig),
            takes_no_recursion: matches!(program, Program::Dig),
            named: None,
            said_server: false,
            without_address: false,
            heard: Heard::Nothing,
        }
    }

    /// Why another server had better be asked.
    pub(super) fn goes_on(&self, message: &Message, look: Look) -> Option<&'static str> {
        let meta = &message.metadata;
        if !self.takes_failure && meta.response_code == ResponseCode::ServFail {
            return Some("SERVFAIL reply");
        }
        let useless = !self.takes_no_recursion && look.recurse && !meta.recursion_available;
        useless.then_some("recursion not available")
    }

    /// Answers to names on the way through the search list are printed too.
    pub(super) fn shows_search(&self) -> bool {
        self.verbose && self.program == Program::Nslookup
    }

    /// Takes note of an answer. `true`: it is one.
    pub(super) fn note(&mut self, message: &Message) -> bool {
        let is_good = message.metadata.response_code == ResponseCode::NoError;
        self.heard = match (is_good, self.heard) {
            (false, _) | (_, Heard::Failure) => Heard::Failure,
            (true, _) => Heard::Answers,
        };
        is_good
    }

    /// Whether every answer was one, and there was any.
    pub(super) const fn status(&self) -> i32 {
        match self.heard {
            Heard::Answers => 0,
            Heard::Nothing | Heard::Failure => 1,
        }
    }
}

impl Dig {
    /// Asks for further types of the name at hand: of the one that it stands for.
    pub(super) fn follow(&mut self, message: &Message, kinds: &[RecordType]) {
        let name = end_of_chain(message, &self.name);
        for kind in kinds {
            let mut lookup = Lookup::new(self.lookup.look);
            lookup.name.clone_from(&name);
            lookup.kind = Some((*kind).into());
            lookup.follows = true;
            self.rest.push(lookup);
        }
    }

    /// `host -v` says which name it tries.
    pub(super) fn trying(&self) -> String {
        match self.manner.program == Program::Host && self.manner.verbose {
            true => format!("Trying \"{}\"\n", without_dot(&self.name)),
            false => String::new(),
        }
    }

    /// The server, as it was typed or stands in resolv.conf.
    pub(super) fn server_name(&self) -> String {
        let named = self.manner.named.clone();
        named.unwrap_or_else(|| self.server().to_string())
    }
}

/// A name as BIND prints it within a line: without its last dot.
pub(super) fn without_dot(name: &str) -> &str {
    match name.strip_suffix('.') {
        Some("") | None => name,
        Some(rest) => rest,
    }
}

/// A record's name, or one in its data, in that form.
pub(super) fn plain(name: &Name) -> String {
    without_dot(&name.to_ascii()).to_owned()
}

/// The name at the end of the CNAMEs that begin with this one (`chase_cnamechain`).
fn end_of_chain(message: &Message, name: &str) -> String {
    let mut name = without_dot(name).to_owned();
    for _ in 0..message.answers.len() {
        let mut found = message.answers.iter();
        let next = found.find_map(|record| match &record.data {
            RData::CNAME(alias) if plain(&record.name).eq_ignore_ascii_case(&name) => {
                Some(plain(&alias.0))
            }
            _ => None,
        });
        match next {
            Some(next) => name = next,
            None => break,
        }
    }
    name
}
