//! `nslookup NAME [SERVER]` of BIND 9.18: a name's addresses, or records of the type that is asked
//! for. Nobody types at machines here, so it has no prompt.

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{RData, Record, RecordType};
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime};

use super::dig::Dig;
use super::dig_command::{Asked, Common, Look, Lookup, record_type};
use super::dig_manner::{Manner, Program, plain, without_dot};
use super::dig_print::data;
use super::host_lookup::{reverse, version};
use super::{Printer, Refusal, Start};
use crate::dns;
use crate::host::Host;

const USAGE: &str = "Usage:\n   \
    nslookup [-opt ...] host        # just look up 'host' using default server\n   \
    nslookup [-opt ...] host server # just look up 'host' using 'server'\n   \
    opt := type=TYPE | port=PORT | timeout=SECONDS | retry=NUMBER | ndots=NUMBER | \
    domain=NAME | [no]search | [no]recurse | [no]vc | [no]debug | [no]fail\n";

/// Queries of the first server, as BIND asks where resolv.conf does not say `attempts`.
const TRIES: usize = 3;

/// What was typed.
struct Typed {
    common: Common,
    look: Look,
    manner: Manner,
    kind: Option<u16>,
    /// What it says before it asks.
    remarks: String,
}

impl Host {
    pub(super) fn start_nslookup(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let mut typed = Typed {
            common: Common::new(),
            look: Look::bare(TRIES),
            manner: Manner::of(Program::Nslookup),
            kind: None,
            remarks: String::new(),
        };
        typed.common.search = true;
        typed.look.comments = true;
        let (mut asked, mut server) = (None, None);
        for (at, word) in arguments.iter().enumerate() {
            match word.strip_prefix('-') {
                Some(option) if is_start(option, "ver", "version") => return version("nslookup"),
                Some(option) if !option.is_empty() => typed.set(option)?,
                _ if word != "-" && asked.is_none() => {
                    // What is typed behind a name holds for others alone.
                    let mut lookup = Lookup::of(word, typed.kind, typed.look);
                    reverse(word, &mut lookup);
                    asked = Some(lookup);
                }
                _ if word != "-" && at + 1 == arguments.len() => server = Some(word.clone()),
                _ => return Err(Refusal::with_status(1, USAGE)),
            }
        }
        let lookup = asked.ok_or_else(|| {
            let text = format!("nslookup: no prompt is supported here\n{USAGE}");
            Refusal::with_status(1, text)
        })?;
        typed.manner.takes_no_recursion = server.is_some();
        typed.manner.named.clone_from(&server);
        let mut asked = Asked::one(typed.common, lookup, server);
        asked.warnings = typed.remarks;
        self.ask_servers(now, asked, typed.manner, arguments)
    }
}

/// Whether `typed` is as much of `whole` as BIND wants, or more (`CHECKOPT`).
fn is_start(typed: &str, least: &str, whole: &str) -> bool {
    let typed = typed.to_ascii_lowercase();
    typed.starts_with(least) && whole.starts_with(typed.as_str())
}

impl Typed {
    /// An option, without its dash.
    fn set(&mut self, option: &str) -> Result<(), Refusal> {
        if let Some((name, value)) = option.split_once('=') {
            return self.give(option, &name.to_ascii_lowercase(), value);
        }
        let (flag, value) = match option {
            it if is_start(it, "rec", "recurse") => (&mut self.look.recurse, true),
            it if is_start(it, "norec", "norecurse") => (&mut self.look.recurse, false),
            it if is_start(it, "def", "defname") => (&mut self.common.search, true),
            it if is_start(it, "nodef", "nodefname") => (&mut self.common.search, false),
            it if is_start(it, "search", "search") => (&mut self.common.search, true),
            it if is_start(it, "nosearch", "nosearch") => (&mut self.common.search, false),
            it if is_start(it, "vc", "vc") => (&mut self.look.tcp, true),
            it if is_start(it, "novc", "novc") => (&mut self.look.tcp, false),
            it if is_start(it, "deb", "debug") => (&mut self.manner.verbose, true),
            it if is_start(it, "nodeb", "nodebug") => (&mut self.manner.verbose, false),
            it if is_start(it, "fail", "fail") => (&mut self.manner.takes_failure, true),
            it if is_start(it, "nofail", "nofail") => (&mut self.manner.takes_failure, false),
            "all" | "d2" | "nod2" => {
                let text = format!("nslookup: -{option} (not supported here)\n{USAGE}");
                return Err(Refusal::with_status(1, text));
            }
            _ => {
                self.remarks += &format!("*** Invalid option: {option}\n");
                return Ok(());
            }
        };
        *flag = value;
        Ok(())
    }

    /// `NAME=VALUE`.
    fn give(&mut self, option: &str, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "type" | "ty" | "querytype" | "query" | "qu" | "q" => match record_type(value) {
                Some(kind) => {
                    self.kind = Some(kind);
                    self.look.tcp |= kind == u16::from(RecordType::ANY);
                    self.manner.usual = false;
                }
                None => self.remarks += &format!("unknown query type: {value}\n"),
            },
            "domain" | "do" => {
                self.common.domain = Some(SmolStr::from(value));
                self.common.search = true;
            }
            "port" | "po" => {
                if let Some(port) = self.number("port", value, u16::MAX.into()) {
                    self.common.port = port as u16;
                }
            }
            "timeout" | "t" => {
                if let Some(seconds) = self.number("timeout", value, u32::MAX) {
                    self.common.time = SimDuration::from_secs(u64::from(seconds.max(1)));
                }
            }
            "retry" | "ret" => {
                if let Some(tries) = self.number("tries", value, i32::MAX as u32) {
                    self.look.tries = tries.max(1) as usize;
                }
            }
            "ndots" => {
                if let Some(dots) = self.number("ndots", value, 128) {
                    self.common.dots = dots as usize;
                }
            }
            "class" | "cl" => {
                let text = format!("nslookup: -{option} (not supported here)\n{USAGE}");
                return Err(Refusal::with_status(1, text));
            }
            _ => self.remarks += &format!("*** Invalid option: {option}\n"),
        }
        Ok(())
    }

    /// A number, or the remark that it is none (`parse_uint`).
    fn number(&mut self, what: &str, text: &str, most: u32) -> Option<u32> {
        let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let found = text.parse().ok().filter(|it| *it <= most && is_number);
        if found.is_none() {
            let why = match is_number {
                true => "out of range",
                false => "not a valid number",
            };
            self.remarks += &format!("invalid {what} '{text}': {why}\n");
        }
        found
    }
}

/// What stands before a record's data (`rtypetext` of `nslookup.c`).
fn says(kind: RecordType) -> String {
    let text = match u16::from(kind) {
        1 => "internet address = ",
        2 => "nameserver = ",
        5 => "canonical name = ",
        6 => "soa = ",
        11 => "protocol = ",
        12 => "name = ",
        13 => "hinfo = ",
        15 => "mail exchanger = ",
        16 => "text = ",
        17 => "rp = ",
        18 => "afsdb = ",
        28 => "has AAAA address ",
        29 => "loc = ",
        33 => "service = ",
        35 => "naptr = ",
        36 => "kx = ",
        37 => "cert = ",
        39 => "dname = ",
        other @ ..42 => return format!("rtype_{other} = "),
        other => return format!("rdata_{other} = "),
    };
    text.to_owned()
}

fn start_of_authority(soa: &SOA) -> String {
    format!(
        "\torigin = {}\n\tmail addr = {}\n\tserial = {}\n\trefresh = {}\n\tretry = {}\n\
         \texpire = {}\n\tminimum = {}\n",
        plain(&soa.mname),
        plain(&soa.rname),
        soa.serial,
        soa.refresh,
        soa.retry,
        soa.expire,
        soa.minimum
    )
}

/// A record as it is commonly printed (`printsection`).
fn short(record: &Record, is_answer: bool) -> String {
    let name = plain(&record.name);
    match &record.data {
        RData::A(_) | RData::AAAA(_) if is_answer => {
            format!("Name:\t{name}\nAddress: {}\n", data(&record.data))
        }
        RData::SOA(soa) => format!("{name}\n{}", start_of_authority(soa)),
        other => format!("{name}\t{}{}\n", says(record.record_type()), data(other)),
    }
}

/// A record for `-debug` (`detailsection`).
fn long(record: &Record) -> String {
    let said = match &record.data {
        RData::SOA(soa) => start_of_authority(soa),
        other => format!("\t{}{}\n", says(record.record_type()), data(other)),
    };
    let (name, ttl) = (plain(&record.name), record.ttl);
    format!("    ->  {name}\n{said}\tttl = {ttl}\n")
}

fn details(message: &Message) -> String {
    let asked = |it: &Query| {
        let (name, kind, class) = (plain(it.name()), it.query_type(), it.query_class());
        format!("\t{name}, type = {kind}, class = {class}\n")
    };
    let mut text = "------------\n    QUESTIONS:\n".to_owned();
    text.extend(message.queries.iter().map(asked));
    for (title, records) in [
        ("ANSWERS", &message.answers),
        ("AUTHORITY RECORDS", &message.authorities),
        ("ADDITIONAL RECORDS", &message.additionals),
    ] {
        text += &format!("    {title}:\n");
        text.extend(records.iter().map(long));
    }
    text + "------------\n"
}

impl Dig {
    /// An answer, as `printmessage` of `nslookup.c` prints it.
    pub(super) fn print_nslookup(&mut self, message: &Message, printer: &mut Printer) {
        let kind = self.lookup.kind();
        let first = !self.manner.usual || kind == RecordType::A;
        if first {
            let (name, end) = (self.server_name(), self.end());
            printer.out(format!("Server:\t\t{name}\nAddress:\t{end}\n\n"));
        }
        if self.manner.verbose {
            printer.out(details(message));
        }
        if !self.manner.note(message) {
            let word = dns::code_word(message.metadata.response_code);
            let name = without_dot(&self.name);
            return printer.out(format!("** server can't find {name}: {word}\n"));
        }
        if self.manner.usual && kind == RecordType::A {
            self.follow(message, &[RecordType::AAAA]);
        }
        let second_hand = !message.metadata.authoritative;
        if second_hand && first {
            printer.out("Non-authoritative answer:\n");
        }
        let lines = message.answers.iter().map(|it| short(it, true));
        printer.out(lines.collect::<String>());
        if message.answers.is_empty() {
            let usual = self.manner.usual;
            if usual && kind == RecordType::A {
                self.manner.without_address = true;
            } else if !usual || (kind == RecordType::AAAA && self.manner.without_address) {
                let name = &self.lookup.name;
                printer.out(format!("*** Can't find {name}: No answer\n"));
            }
        }
        if second_hand && !matches!(kind, RecordType::A | RecordType::AAAA) {
            printer.out("\nAuthoritative answers can be found from:\n");
            let others = message.authorities.iter().chain(&message.additionals);
            printer.out(others.map(|it| short(it, false)).collect::<String>());
        }
    }
}
