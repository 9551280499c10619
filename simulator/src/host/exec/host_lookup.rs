//! `host` of BIND 9.18: a name's addresses and mail servers, or an address's name, in a line each.

use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};
use wirelab_model::{SimDuration, SimTime};

use super::dig::Dig;
use super::dig_command::{Asked, Common, Look, Lookup, record_type};
use super::dig_manner::{Manner, Program, plain, without_dot};
use super::dig_print::{data, question, record};
use super::options::{self, Syntax, Word};
use super::{Printer, Refusal, Start, Started};
use crate::dns;
use crate::host::Host;

const USAGE: &str = "Usage: host [-adrsTUvV4] [-N ndots] [-p port] [-R number] [-t type] [-W time] \
    hostname [server]\n";

const SYNTAX: Syntax = Syntax {
    program: "host",
    letters: "adrsTUvV4N:p:R:t:W:",
    long: &[],
    usage: USAGE,
    status: 1,
    style: options::Style::Getopt,
};

/// Queries of the first server.
const TRIES: usize = 2;

/// The version that Debian 12 has.
const VERSION: &str = "9.18.49-1~deb12u3-Debian";

/// What a program of BIND's says of itself.
pub(super) fn version(program: &str) -> Start {
    let mut printer = Printer::default();
    printer.err(format!("{program} {VERSION}\n"));
    Ok(Started::Over(printer, 0))
}

impl Host {
    pub(super) fn start_host(&mut self, now: SimTime, arguments: &[String]) -> Start {
        // An option behind the name is none: `isc_commandline_parse` ends there.
        let options = SYNTAX.leading(arguments);
        let (words, operands) = arguments.split_at(options);
        let mut common = Common::new();
        common.search = true;
        let mut manner = Manner::of(Program::Host);
        let mut look = Look::bare(TRIES);
        let mut kind = None;
        for word in SYNTAX.read(words)? {
            match word {
                Word::Flag('V') => return version("host"),
                Word::Flag('r') => look.recurse = false,
                Word::Flag('s') => manner.takes_failure = true,
                Word::Flag('T') => look.tcp = true,
                Word::Flag('U') => look.tcp = false,
                Word::Flag('v' | 'd') => manner.verbose = true,
                Word::Flag('a') => {
                    (manner.verbose, manner.usual) = (true, false);
                    kind = Some(RecordType::ANY.into());
                }
                Word::Value('t', text) => {
                    let found = record_type(&text).ok_or_else(|| {
                        Refusal::with_status(2, format!("host: invalid type: {text}\n\n"))
                    })?;
                    look.tcp |= found == u16::from(RecordType::ANY);
                    kind = Some(found);
                    manner.usual = false;
                }
                Word::Value('N', text) => common.dots = atoi(&text) as usize,
                Word::Value('p', text) => {
                    common.port = super::number(&text, "-p")?;
                }
                Word::Value('R', text) => look.tries = (atoi(&text) as usize + 1).max(TRIES),
                Word::Value('W', text) => {
                    common.time = SimDuration::from_secs(u64::from(atoi(&text).max(1)));
                }
                Word::Flag(_) | Word::Value(..) | Word::Operand(_) => {}
            }
        }
        let name = operands.first().ok_or_else(|| SYNTAX.refuse_usage())?;
        let server = operands.get(1).cloned();
        manner.takes_no_recursion = server.is_some();
        manner.named.clone_from(&server);
        let mut lookup = Lookup::of(name, kind, look);
        if reverse(name, &mut lookup) {
            (manner.usual, common.search) = (false, false);
        }
        self.ask_servers(now, Asked::one(common, lookup, server), manner, arguments)
    }
}

/// Makes the question about an address that about its name. `false`: it is no address.
pub(super) fn reverse(name: &str, lookup: &mut Lookup) -> bool {
    let Ok(address) = name.parse::<IpAddr>() else {
        return false;
    };
    // Of an IPv4 address BIND writes the name with its last dot.
    let dot = if address.is_ipv4() { "." } else { "" };
    lookup.name = dns::reverse_name(address) + dot;
    lookup.kind = Some(RecordType::PTR.into());
    true
}

/// The digits at the start, as C reads them.
fn atoi(text: &str) -> u32 {
    let end = text.find(|it: char| !it.is_ascii_digit());
    let digits = &text[..end.unwrap_or(text.len())];
    digits.parse().unwrap_or(0)
}

/// What a record says of its name (`rtypes` of `host.c`).
fn says(kind: RecordType) -> String {
    let text = match u16::from(kind) {
        1 => "has address",
        2 => "name server",
        5 => "is an alias for",
        11 => "has well known services",
        12 => "domain name pointer",
        13 => "host information",
        15 => "mail is handled by",
        16 => "descriptive text",
        19 => "x25 address",
        20 => "ISDN address",
        24 => "has signature",
        25 => "has key",
        28 => "has IPv6 address",
        29 => "location",
        _ => return format!("has {kind} record"),
    };
    text.to_owned()
}

impl Dig {
    /// An answer, as `printmessage` of `host.c` prints it, and `received` what came.
    pub(super) fn print_host(
        &mut self,
        message: &Message,
        size: usize,
        now: SimTime,
        printer: &mut Printer,
    ) {
        let code = message.metadata.response_code;
        printer.out(self.host_server());
        if self.manner.note(message) {
            self.print_found(message, printer);
        } else {
            let name = match code {
                ResponseCode::NXDomain => self.lookup.name.as_str(),
                _ => without_dot(&self.name),
            };
            let (number, word) = (u16::from(code), dns::code_word(code));
            printer.out(format!("Host {name} not found: {number}({word})\n"));
        }
        if !self.manner.verbose {
            return;
        }
        let millis = now.since(self.sent).as_millis();
        let line = format!("Received {size} bytes from {} in {millis} ms\n", self.end());
        let searched = self.name != self.lookup.name;
        let might_search = self.common.search && self.has_dots(&self.lookup.name);
        // `recv_done` says it once more of a name that is missing and was not searched for.
        if code == ResponseCode::NXDomain && (searched || might_search) {
            printer.out(line.clone());
        }
        if code == ResponseCode::NoError || !searched {
            printer.out(line);
        }
    }

    fn host_server(&mut self) -> String {
        let Some(name) = self
            .manner
            .named
            .as_ref()
            .filter(|_| !self.manner.said_server)
        else {
            return String::new();
        };
        let text = format!(
            "Using domain server:\nName: {name}\nAddress: {}\nAliases: \n\n",
            self.end()
        );
        self.manner.said_server = true;
        text
    }

    fn print_found(&mut self, message: &Message, printer: &mut Printer) {
        if self.manner.usual && self.lookup.kind() == RecordType::A {
            self.follow(message, &[RecordType::AAAA, RecordType::MX]);
        }
        if self.manner.verbose {
            return printer.out(self.sections(message));
        }
        let line = |it: &Record| {
            let (name, said) = (plain(&it.name), says(it.record_type()));
            format!("{name} {said} {}\n", data(&it.data))
        };
        printer.out(message.answers.iter().map(line).collect::<String>());
        if message.answers.is_empty() && !self.manner.usual {
            let (name, kind) = (without_dot(&self.name), self.lookup.kind());
            printer.out(format!("{name} has no {kind} record\n"));
        }
    }

    /// All of an answer, for `-v`.
    fn sections(&self, message: &Message) -> String {
        let meta = &message.metadata;
        let flags = [
            ("qr", true),
            ("aa", meta.authoritative),
            ("tc", meta.truncation),
            ("rd", meta.recursion_desired),
            ("ra", meta.recursion_available),
            ("ad", meta.authentic_data),
            ("cd", meta.checking_disabled),
        ];
        let flags = flags.into_iter().filter(|(_, on)| *on);
        let flags: Vec<_> = flags.map(|(word, _)| word).collect();
        let mut text = format!(
            ";; ->>HEADER<<- opcode: QUERY, status: {}, id: {}\n;; flags: {}; QUERY: {}, \
             ANSWER: {}, AUTHORITY: {}, ADDITIONAL: {}\n",
            dns::code_word(meta.response_code),
            meta.id,
            flags.join(" "),
            message.queries.len(),
            message.answers.len(),
            message.authorities.len(),
            message.additionals.len() + usize::from(message.edns.is_some()),
        );
        text += "\n;; QUESTION SECTION:\n";
        text.extend(message.queries.iter().map(question));
        for (title, records) in [
            ("ANSWER", &message.answers),
            ("AUTHORITY", &message.authorities),
            ("ADDITIONAL", &message.additionals),
        ] {
            if records.is_empty() {
                continue;
            }
            text += &format!("\n;; {title} SECTION:\n");
            text.extend(records.iter().map(|it| record(it, self.lookup.look)));
        }
        text + "\n"
    }
}
