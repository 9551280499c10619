//! `hostname` of Debian: the machine's name and its addresses.

use super::options::{self, Syntax, Word};
use super::{Refusal, Start, printed};
use crate::host::Host;

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
        let name = self.spec.name.as_str();
        let (short, domain) = name.split_once('.').unwrap_or((name, ""));
        printed(match asked {
            Some('I') => self.own_addresses(),
            Some('i') => {
                let known = self.names.all(name);
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

    /// Every address of its interfaces, a blank behind each.
    fn own_addresses(&self) -> String {
        let addresses = self.interfaces().iter().flat_map(|it| &it.addresses);
        let words = addresses.map(|it| format!("{} ", it.addr()));
        words.collect::<String>() + "\n"
    }
}
