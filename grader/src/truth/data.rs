//! What the two ends of a connection say, as far as anybody on the way can read it: text as text,
//! TLS by the names of its records and handshake messages (RFC 8446, section 5.1 and appendix B.3;
//! RFC 5246, appendix A).
//!
//! ```text
//! 10.0.1.5.40000 > 10.0.2.7.443: Flags [P.], seq 1:518, ..., length 517: TLS: Client Hello
//! 10.0.1.5.40002 > 10.0.2.8.443: Flags [P.], seq 1:78, ..., length 77: GET /cart HTTP/1.1
//! ```
//!
//! What is inside of a message is not told: neither which version was agreed on, nor names. Of an
//! alert the type of its record is told, and no word of what it is about.

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// Octets in front of what a record holds.
const RECORD_HEADER: usize = 5;
/// Octets in front of what a handshake message holds.
const MESSAGE_HEADER: usize = 4;

/// One direction of a connection, read in order.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The sequence number of what comes next, once something has come.
    next: Option<u32>,
    /// Octets of a record that are still to come.
    missing: usize,
    /// Whether records are encrypted from here on (up to TLS 1.2, where they say their kind still).
    is_sealed: bool,
}

impl Reader {
    /// What a segment's data are. `None` for none, and for those that were there before.
    pub(super) fn read(&mut self, sequence: u32, data: &[u8]) -> Option<String> {
        let is_new = self.next.is_none_or(|next| next == sequence);
        if data.is_empty() || !is_new {
            return None;
        }
        self.next = Some(sequence.wrapping_add(u32::try_from(data.len()).ok()?));
        let records = self.records(data);
        Some(match records {
            Some(records) => format!("TLS: {}", records.join(", ")),
            None => text(data),
        })
    }

    /// The records of TLS, if that is what it is.
    fn records(&mut self, data: &[u8]) -> Option<Vec<String>> {
        let mut records = Vec::new();
        if self.missing > 0 {
            records.push("continued".to_owned());
        }
        let mut rest = data.get(self.missing..).unwrap_or_default();
        self.missing = self.missing.saturating_sub(data.len());
        while let [
            kind @ CHANGE_CIPHER_SPEC..=APPLICATION_DATA,
            3,
            _,
            high,
            low,
            held @ ..,
        ] = rest
        {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let here = &held[..length.min(held.len())];
            match *kind {
                CHANGE_CIPHER_SPEC => records.push("Change Cipher Spec".to_owned()),
                ALERT => records.push(format!("a record of type {ALERT}")),
                HANDSHAKE if self.is_sealed => {
                    records.push("Encrypted Handshake Message".to_owned());
                }
                HANDSHAKE => records.extend(messages(here)),
                _ => records.push("Application Data".to_owned()),
            }
            self.is_sealed |= *kind == CHANGE_CIPHER_SPEC;
            self.missing = length - here.len();
            rest = rest.get(RECORD_HEADER + length..).unwrap_or_default();
        }
        records.dedup();
        (!records.is_empty()).then_some(records)
    }
}

/// The names of the handshake messages in a record that nobody has encrypted.
fn messages(mut held: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while let [kind, a, b, c, ..] = held {
        let name = match kind {
            1 => "Client Hello",
            2 => "Server Hello",
            4 => "New Session Ticket",
            8 => "Encrypted Extensions",
            11 => "Certificate",
            12 => "Server Key Exchange",
            13 => "Certificate Request",
            14 => "Server Hello Done",
            15 => "Certificate Verify",
            16 => "Client Key Exchange",
            20 => "Finished",
            _ => "a handshake message",
        };
        messages.push(name.to_owned());
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap_or(usize::MAX);
        held = held.get(MESSAGE_HEADER + length..).unwrap_or_default();
    }
    messages
}

/// The first line of a text; how it begins, in octets, if it is none.
fn text(data: &[u8]) -> String {
    const SHOWN: usize = 8;
    let is_printable = |octet: &u8| matches!(octet, 0x20..=0x7e);
    let end = data.iter().position(|octet| !is_printable(octet));
    let (line, rest) = data.split_at(end.unwrap_or(data.len()));
    match rest {
        [] | [b'\r' | b'\n', ..] if !line.is_empty() => String::from_utf8_lossy(line).into_owned(),
        _ => {
            let octets = data.iter().take(SHOWN).map(|it| format!("{it:02x}"));
            let octets: Vec<String> = octets.collect();
            format!("octets {}", octets.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, held: &[u8]) -> Vec<u8> {
        let length = u16::try_from(held.len()).expect("a short record");
        [&[kind, 3, 3][..], &length.to_be_bytes(), held].concat()
    }

    #[test]
    fn tls_is_told_by_what_anybody_can_read_of_it() {
        let mut server = Reader::default();
        let hello = record(HANDSHAKE, &[2, 0, 0, 1, 0, 11, 0, 0, 0, 14, 0, 0, 0]);
        let told = server.read(100, &hello);
        let messages = "TLS: Server Hello, Certificate, Server Hello Done";
        assert_eq!(told.as_deref(), Some(messages));
        let next = 100 + u32::try_from(hello.len()).expect("a short record");
        assert_eq!(server.read(100, &hello), None, "sent again");
        let sealed = [
            record(CHANGE_CIPHER_SPEC, &[1]),
            record(HANDSHAKE, &[9; 40]),
            record(APPLICATION_DATA, &[9; 60]),
        ];
        let sealed = sealed.concat();
        let (one, other) = sealed.split_at(sealed.len() - 10);
        let told = server.read(next, one);
        let records = "TLS: Change Cipher Spec, Encrypted Handshake Message, Application Data";
        assert_eq!(told.as_deref(), Some(records));
        let next = next + u32::try_from(one.len()).expect("a short record");
        assert_eq!(server.read(next, other).as_deref(), Some("TLS: continued"));
    }

    #[test]
    fn text_is_told_as_text_and_what_is_neither_by_its_octets() {
        let read = |data: &[u8]| Reader::default().read(7, data);
        let request = read(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(request.as_deref(), Some("GET / HTTP/1.1"));
        let alert = read(&record(ALERT, &[2, 70]));
        assert_eq!(alert.as_deref(), Some("TLS: a record of type 21"));
        assert_eq!(read(&[0, 1, 2]).as_deref(), Some("octets 00 01 02"));
        assert_eq!(read(b""), None);
    }
}
