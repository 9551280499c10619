//! Link-local addresses of IPv6 (`fe80::1%ens5`), which no simulated stack sends to.
//!
//! Interfaces have them and are found by them (`ip -6 addr`, neighbour discovery); no packet of a
//! program goes to one, and a program that is to send one says so.

use std::net::Ipv6Addr;

use super::Refusal;
use crate::host::Host;

/// Programs that send something to an address they are given, and the status with which each
/// refuses one.
const SENDERS: [(&str, i32); 13] = [
    ("ping", 2),
    ("ping6", 2),
    ("tracepath", 1),
    ("traceroute", 2),
    ("traceroute6", 2),
    ("nc", 1),
    ("ncat", 1),
    ("netcat", 1),
    ("curl", 7),
    ("dig", 10),
    ("host", 1),
    ("nslookup", 1),
    ("arp", 255),
];

/// Options whose value is where packets come from, which the program itself looks at.
const SOURCES: [(&str, &str); 2] = [("curl", "--interface"), ("dig", "-b")];

/// `fe80::/10`, and the multicast addresses of a link.
fn is_of_a_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.segments()[0] & 0xff0f == 0xff02
}

/// The link-local address in a word, as `getaddrinfo` reads one, and its zone: `fe80::1`,
/// `@fe80::1%ens5`, `http://[fe80::1%25ens5]/`.
pub(super) fn link_local(word: &str) -> Option<(Ipv6Addr, Option<&str>)> {
    let word = word.strip_prefix('@').unwrap_or(word);
    let bracketed = word.split_once('[').and_then(|it| it.1.split_once(']'));
    let word = bracketed.map_or(word, |it| it.0);
    let (address, zone) = match word.split_once('%') {
        Some((address, zone)) => {
            let escaped = zone.strip_prefix("25").filter(|_| bracketed.is_some());
            (address, Some(escaped.unwrap_or(zone)))
        }
        None => (word, None),
    };
    let address = address.parse().ok().filter(|it| is_of_a_link(*it))?;
    Some((address, zone))
}

impl Host {
    /// Why a program is not started: it is to send to a link-local address. A zone that is no
    /// device's is for the program to complain of.
    ///
    /// # Errors
    /// There is such an address among the words.
    pub(super) fn check_zones(&self, program: &str, words: &[String]) -> Result<(), Refusal> {
        let sender = SENDERS.iter().find(|it| it.0 == program);
        let Some((_, status)) = sender else {
            return Ok(());
        };
        let befores = std::iter::once("").chain(words.iter().map(String::as_str));
        let is_source = |before: &str| SOURCES.contains(&(program, before));
        let found = words.iter().zip(befores).find(|(word, before)| {
            let scoped = link_local(word).filter(|_| !is_source(before));
            scoped.is_some_and(|(_, zone)| zone.is_none_or(|it| self.is_zone(it)))
        });
        match found {
            None => Ok(()),
            Some((word, _)) => Err(Refusal::with_status(
                *status,
                format!(
                    "{program}: {word} (not supported here): nothing is sent to link-local \
                     addresses of IPv6; those of scope global in `ip -6 addr` are sent to\n"
                ),
            )),
        }
    }

    /// Whether a zone is a device's, by its name or number.
    pub(super) fn is_zone(&self, zone: &str) -> bool {
        let is_number = !zone.is_empty() && zone.bytes().all(|it| it.is_ascii_digit());
        is_number || zone == "lo" || self.find_device(zone).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_found_in_words() {
        let zone = |word| link_local(word).map(|it| it.1);
        assert_eq!(zone("fe80::1"), Some(None));
        for word in [
            "fe80::1%ens5",
            "@fe80::1%ens5",
            "http://[fe80::1%25ens5]:8080/",
        ] {
            assert_eq!(zone(word), Some(Some("ens5")), "{word}");
        }
        assert_eq!(zone("ff02::1%2"), Some(Some("2")));
        for word in [
            "fd00::1",
            "fd00::1%ens5",
            "fe80",
            "10.0.0.1%ens5",
            "http://host/%25",
        ] {
            assert_eq!(zone(word), None, "{word}");
        }
    }
}
