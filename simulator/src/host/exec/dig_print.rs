//! What `dig` prints of an answer.

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{RData, Record};
use wirelab_model::SimTime;

use super::Printer;
use super::dig::Dig;
use super::dig_command::Look;
use crate::dns;

impl Dig {
    pub(super) fn print(
        &mut self,
        message: &Message,
        size: usize,
        now: SimTime,
        at: &str,
        printer: &mut Printer,
    ) {
        let look = self.lookup.look;
        let span = now.since(self.sent);
        let took = match self.common.micros {
            true => format!("{} us", span.as_nanos() / 1000),
            false => format!("{} ms", span.as_millis()),
        };
        let greeting = std::mem::take(&mut self.greeting);
        if self.common.short {
            let server = self.server();
            let end = match look.identify {
                true => format!(" from server {server} in {took}.\n"),
                false => "\n".to_owned(),
            };
            let lines = message.answers.iter().map(|it| data(&it.data) + &end);
            return printer.out(lines.collect::<String>());
        }
        let mut text = match self.common.command {
            true => greeting,
            false => String::new(),
        };
        if look.comments {
            text += ";; Got answer:\n";
            text += &header(message, look.recurse);
            if let Some(edns) = &message.edns {
                let udp = edns.max_payload();
                let version = edns.version();
                text += "\n;; OPT PSEUDOSECTION:\n";
                text += &format!("; EDNS: version: {version}, flags:; udp: {udp}\n");
            }
        }
        if look.question {
            if look.comments {
                text += match message.edns {
                    Some(_) => ";; QUESTION SECTION:\n",
                    None => "\n;; QUESTION SECTION:\n",
                };
            }
            text.extend(message.queries.iter().map(question));
        }
        for (title, records, shown) in [
            ("ANSWER", &message.answers, look.answer),
            ("AUTHORITY", &message.authorities, look.authority),
            ("ADDITIONAL", &message.additionals, look.additional),
        ] {
            if records.is_empty() || !shown {
                continue;
            }
            if look.comments {
                text += &format!("\n;; {title} SECTION:\n");
            }
            text.extend(records.iter().map(|it| record(it, look)));
        }
        if look.comments {
            text.push('\n');
        }
        if look.stats {
            let (end, server) = (self.end(), self.server());
            let transport = if self.tcp { "TCP" } else { "UDP" };
            let took = took.replace("ms", "msec").replace("us", "usec");
            text += &format!(
                ";; Query time: {took}\n;; SERVER: {end}({server}) ({transport})\n\
                 ;; WHEN: {at}\n;; MSG SIZE  rcvd: {size}\n\n"
            );
        } else if look.identify {
            let (end, server) = (self.end(), self.server());
            text += &format!(";; Received {size} bytes from {end}({server}) in {took}\n\n");
        }
        printer.out(text);
    }
}

fn header(message: &Message, asked_recursion: bool) -> String {
    let meta = &message.metadata;
    let flags = [
        ("qr", true),
        ("aa", meta.authoritative),
        ("tc", meta.truncation),
        ("rd", meta.recursion_desired),
        ("ra", meta.recursion_available),
        ("ad", meta.authentic_data),
    ];
    let flags: Vec<_> = flags
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(word, _)| word)
        .collect();
    let refused = asked_recursion && !meta.recursion_available;
    let warning = match refused {
        true => ";; WARNING: recursion requested but not available\n",
        false => "",
    };
    format!(
        ";; ->>HEADER<<- opcode: QUERY, status: {}, id: {}\n;; flags: {}; QUERY: {}, ANSWER: {}, \
         AUTHORITY: {}, ADDITIONAL: {}\n{warning}",
        dns::code_word(meta.response_code),
        meta.id,
        flags.join(" "),
        message.queries.len(),
        message.answers.len(),
        message.authorities.len(),
        message.additionals.len() + usize::from(message.edns.is_some()),
    )
}

/// The name, the class, the type, between tabs.
pub(super) fn question(query: &Query) -> String {
    // The name stands in a field of 24 columns, its semicolon before it.
    let mut line = query.name().to_ascii();
    if line.len() < 24 {
        tab_to(&mut line, 24);
    }
    let (class, kind) = (query.query_class(), query.query_type());
    format!(";{line}\t{class}\t{kind}\n")
}

pub(super) fn record(record: &Record, look: Look) -> String {
    let mut line = record.name.to_ascii();
    tab_to(&mut line, 24);
    if look.ttl {
        line += &record.ttl.to_string();
        tab_to(&mut line, 32);
    }
    if look.class {
        line += &format!("{}\t", record.dns_class);
    }
    format!("{line}{}\t{}\n", record.record_type(), data(&record.data))
}

/// Tabs to a column, at least one.
fn tab_to(line: &mut String, column: usize) {
    loop {
        line.push('\t');
        let width = line.chars().fold(0, |width, it| match it {
            '\t' => width / 8 * 8 + 8,
            _ => width + 1,
        });
        if width >= column {
            return;
        }
    }
}

/// A record's data as zone files write it.
pub(super) fn data(data: &RData) -> String {
    match data {
        RData::TXT(text) => {
            let texts = text.txt_data.iter();
            let texts = texts.map(|it| format!("\"{}\"", String::from_utf8_lossy(it)));
            texts.collect::<Vec<_>>().join(" ")
        }
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            soa.mname.to_ascii(),
            soa.rname.to_ascii(),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        ),
        other => other.to_string(),
    }
}
