//! `hostname` of Debian: the machine's name and its addresses.

use std::net::IpAddr;

use super::options::{self, Syntax, Word};
use super::{Refusal, Start, printed};
use crate::host::{Attachment, Host};

const USAGE: &str = "usage: hostname [-A|-d|-f|-i|-I|-s]\n";

const SYNTAX: Syntax = Syntax {
    program: "hostname",
    letters: "AdfiIs",
    long: &[
        ("all-fqdns", 'A'),
        ("domain", 'd'),
        ("fqdn", 'f'),
        ("long", 'f'),
        ("ip-address", 'i'),
        ("all-ip-addresses", 'I'),
        ("short", 's'),
    ],
    usage: USAGE,
    status: 255,
    style: options::Style::Getopt,
};

impl Host {
    /// Prints what was asked for last. A name cannot be set: scenarios know machines by theirs.
    pub(super) fn run_hostname(&self, arguments: &[String]) -> Start {
        let mut asked = None;
        let words = SYNTAX.read(arguments).map_err(|it| it.status(255))?;
        for word in words {
            match word {
                Word::Flag(letter) => asked = Some(letter),
                Word::Value(_, word) | Word::Operand(word) => {
                    let text =
                        format!("hostname: {word}: machines here keep the name they have\n{USAGE}");
                    return Err(Refusal::with_status(1, text));
                }
            }
        }
        let name = &self.hostname();
        let (short, domain) = name.split_once('.').unwrap_or((name, ""));
        printed(match asked {
            Some('I') => self.own_addresses(),
            Some('i') => {
                let known = self.names.all(&self.spec.name);
                let own = known.first().ok_or_else(|| {
                    let text = "hostname: Name or service not known\n";
                    Refusal::with_status(1, text)
                })?;
                format!("{own}\n")
            }
            Some('A') => format!("{name} \n"),
            Some('d') if domain.is_empty() => String::new(),
            Some('d') => format!("{domain}\n"),
            Some('s') => format!("{short}\n"),
            _ => format!("{name}\n"),
        })
    }

    /// What the machine calls itself: its name, and where that is only an instance's id, as of one
    /// that was launched, what Amazon Linux takes from the metadata: `ip-10-0-0-114.ec2.internal`
    /// (EC2 User Guide, "EC2 instance hostnames and domains").
    pub(super) fn hostname(&self) -> String {
        let Attachment::Instance(id) = &self.spec.attachment else {
            return self.spec.name.to_string();
        };
        let addresses = self.interfaces().iter().flat_map(|it| &it.addresses);
        let first = addresses.map(|it| it.addr()).find(IpAddr::is_ipv4);
        match first.filter(|_| self.spec.name == id.as_str()) {
            Some(address) => {
                let short = format!("ip-{}", address.to_string().replace('.', "-"));
                let domain = self.resolv_conf().search.into_iter().next();
                match domain {
                    Some(domain) => format!("{short}.{domain}"),
                    None => short,
                }
            }
            None => self.spec.name.to_string(),
        }
    }

    /// Every address of its interfaces, a blank behind each.
    fn own_addresses(&self) -> String {
        let addresses = self.interfaces().iter().flat_map(|it| &it.addresses);
        let words = addresses.map(|it| format!("{} ", it.addr()));
        words.collect::<String>() + "\n"
    }
}
