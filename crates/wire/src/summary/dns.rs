//! DNS (RFC 1035): questions of queries, answers of responses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Octets of the header.
const HEADER_LEN: usize = 12;
/// The longest name that tcpdump prints.
const LONGEST_NAME: usize = 255;
/// How a message ends that says more than there is.
const TRUNCATED: &str = " [|domain]";

const OPERATIONS: [&str; 16] = [
    "",
    " inv_q",
    " stat",
    " op3",
    " notify",
    " update",
    " op6",
    " op7",
    " op8",
    " updateA",
    " updateD",
    " updateDA",
    " updateM",
    " updateMA",
    " zoneInit",
    " zoneRef",
];
const RESPONSE_CODES: [&str; 11] = [
    "",
    " FormErr",
    " ServFail",
    " NXDomain",
    " NotImp",
    " Refused",
    " YXDomain",
    " YXRRSet",
    " NXRRSet",
    " NotAuth",
    " NotZone",
];
const OPT: u16 = 41;
const TYPES: [(u16, &str); 20] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (39, "DNAME"),
    (OPT, "OPT"),
    (43, "DS"),
    (46, "RRSIG"),
    (48, "DNSKEY"),
    (52, "TLSA"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (255, "ANY"),
];

/// What stops a message from being printed to its end.
enum Stop {
    /// It says more than there is.
    Truncated,
    /// The text could not be written.
    Write(fmt::Error),
}

impl From<fmt::Error> for Stop {
    fn from(error: fmt::Error) -> Self {
        Self::Write(error)
    }
}

type Printed<T = ()> = Result<T, Stop>;

/// A message in its two octets of length (RFC 1035 section 4.2.2). One that spans segments cannot
/// be told from a wrong one, and tcpdump does not try.
pub(super) fn print_over_tcp(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some((prefix, message)) = payload.split_first_chunk::<2>() else {
        let length = payload.len();
        return write!(f, " [DNS over TCP: length {length} < 2] (invalid)");
    };
    let (said, there) = (u16::from_be_bytes(*prefix), message.len());
    if usize::from(said) != there {
        return write!(f, " [prefix length({said}) != length({there})] (invalid)");
    }
    f.write_str(" ")?;
    print(message, f)
}

pub(super) fn print(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if bytes.len() < HEADER_LEN {
        let length = bytes.len();
        return write!(f, "domain [length {length} < {HEADER_LEN}] (invalid)");
    }
    let message = Message(bytes);
    let printed = if message.flags() & 0x8000 == 0 {
        message.print_query(f)
    } else {
        message.print_response(f)
    };
    match printed {
        Ok(()) => write!(f, " ({})", bytes.len()),
        Err(Stop::Truncated) => f.write_str(TRUNCATED),
        Err(Stop::Write(error)) => Err(error),
    }
}

/// A message of at least a header.
struct Message<'a>(&'a [u8]);

impl Message<'_> {
    fn word(&self, at: usize) -> Printed<u16> {
        match self.0.get(at..at + 2) {
            Some(octets) => Ok(u16::from_be_bytes([octets[0], octets[1]])),
            None => Err(Stop::Truncated),
        }
    }

    fn header(&self, index: usize) -> u16 {
        u16::from_be_bytes([self.0[2 * index], self.0[2 * index + 1]])
    }

    fn flags(&self) -> u16 {
        self.header(1)
    }

    fn operation(&self) -> &'static str {
        OPERATIONS[usize::from(self.flags() >> 11 & 15)]
    }

    fn print_query(&self, f: &mut fmt::Formatter<'_>) -> Printed {
        let flags = self.flags();
        let recursion = if flags & 0x0100 == 0 { "" } else { "+" };
        let checking_disabled = if flags & 0x0010 == 0 { "" } else { "%" };
        let id = self.header(0);
        write!(f, "{id}{}{recursion}{checking_disabled}", self.operation())?;
        let odd = flags & 0x06cf;
        if odd != 0 {
            write!(f, " [b2&3={flags:#x}]")?;
        }
        let [questions, answers, authorities, additional] = self.counts();
        for (count, mark, usual) in [
            (answers, "a", 0),
            (questions, "q", 1),
            (authorities, "n", 0),
            (additional, "au", 0),
        ] {
            if count != usual {
                write!(f, " [{count}{mark}]")?;
            }
        }
        let mut at = HEADER_LEN;
        for _ in 0..questions {
            at = self.print_question(at, f)?;
        }
        Ok(())
    }

    fn counts(&self) -> [u16; 4] {
        [2, 3, 4, 5].map(|index| self.header(index))
    }

    fn print_question(&self, at: usize, f: &mut fmt::Formatter<'_>) -> Printed<usize> {
        let end = self.skip_name(at)?;
        let (kind, class) = (self.word(end)?, self.word(end + 2)?);
        f.write_str(" ")?;
        print_type(kind, f)?;
        print_class(class, f)?;
        f.write_str("? ")?;
        self.print_name(at, f)?;
        Ok(end + 4)
    }

    fn print_response(&self, f: &mut fmt::Formatter<'_>) -> Printed {
        let flags = self.flags();
        let mark = |bit: u16, set, clear| if flags & bit == 0 { clear } else { set };
        write!(f, "{}{}", self.header(0), self.operation())?;
        match self.response_code() {
            code if usize::from(code) < RESPONSE_CODES.len() => {
                f.write_str(RESPONSE_CODES[usize::from(code)])?;
            }
            code => write!(f, " Resp{code}")?,
        }
        let (authoritative, recursion) = (mark(0x0400, "*", ""), mark(0x0080, "", "-"));
        let (truncated, authentic) = (mark(0x0200, "|", ""), mark(0x0020, "$", ""));
        write!(f, "{authoritative}{recursion}{truncated}{authentic}")?;
        let [questions, answers, authorities, additional] = self.counts();
        if questions != 1 {
            write!(f, " [{questions}q]")?;
        }
        let mut at = HEADER_LEN;
        for index in 0..questions {
            if index > 0 {
                f.write_str(",")?;
            }
            at = self.skip_name(at)? + 4;
        }
        write!(f, " {answers}/{authorities}/{additional}")?;
        for index in 0..answers {
            if index > 0 {
                f.write_str(",")?;
            }
            at = self.print_record(at, f)?;
        }
        Ok(())
    }

    /// The code of the header, with the upper bits of an OPT record (RFC 6891 section 6.1.3).
    fn response_code(&self) -> u16 {
        self.flags() & 15 | self.extended_code().unwrap_or(0) << 4
    }

    fn extended_code(&self) -> Option<u16> {
        let [questions, answers, authorities, additional] = self.counts();
        let mut at = HEADER_LEN;
        for _ in 0..questions {
            at = self.skip_name(at).ok()? + 4;
        }
        for _ in 0..u32::from(answers) + u32::from(authorities) + u32::from(additional) {
            let fields = self.skip_name(at).ok()?;
            if self.word(fields).ok()? == OPT {
                return Some(u16::from(*self.0.get(fields + 4)?));
            }
            at = fields + 10 + usize::from(self.word(fields + 8).ok()?);
        }
        None
    }

    fn print_record(&self, at: usize, f: &mut fmt::Formatter<'_>) -> Printed<usize> {
        let fields = self.skip_name(at)?;
        let (kind, class) = (self.word(fields)?, self.word(fields + 2)?);
        let length = usize::from(self.word(fields + 8)?);
        if kind != OPT {
            print_class(class, f)?;
        }
        f.write_str(" ")?;
        print_type(kind, f)?;
        let start = fields + 10;
        let data = self.0.get(start..start + length).ok_or(Stop::Truncated)?;
        match (kind, data) {
            (1, &[a, b, c, d, ..]) => write!(f, " {}", Ipv4Addr::new(a, b, c, d))?,
            (28, _) => print_aaaa(data, f)?,
            (2 | 5 | 12 | 39, _) => {
                f.write_str(" ")?;
                self.print_name(start, f)?;
            }
            (15, _) => {
                f.write_str(" ")?;
                self.print_name(start + 2, f)?;
                write!(f, " {}", self.word(start)?)?;
            }
            (16, _) => print_text(data, f)?,
            (33, _) => self.print_service(start, f)?,
            (OPT, _) => write!(f, " UDPsize={class}")?,
            _ => {}
        }
        Ok(start + length)
    }

    fn print_service(&self, at: usize, f: &mut fmt::Formatter<'_>) -> Printed {
        f.write_str(" ")?;
        self.print_name(at + 6, f)?;
        let (priority, weight, port) = (self.word(at)?, self.word(at + 2)?, self.word(at + 4)?);
        write!(f, ":{port} {priority} {weight}")?;
        Ok(())
    }

    /// Where the name at `at` ends.
    fn skip_name(&self, mut at: usize) -> Printed<usize> {
        loop {
            match *self.0.get(at).ok_or(Stop::Truncated)? {
                0 => return Ok(at + 1),
                length @ 1..=63 => at += 1 + usize::from(length),
                192.. => return Ok(at + 2),
                _ => return Err(Stop::Truncated),
            }
        }
    }

    /// Follows compression pointers backwards only, so that it ends.
    fn print_name(&self, mut at: usize, f: &mut fmt::Formatter<'_>) -> Printed {
        let mut before = at;
        let mut printed = 0;
        if self.0.get(at) == Some(&0) {
            f.write_str(".")?;
        }
        loop {
            match *self.0.get(at).ok_or(Stop::Truncated)? {
                0 => return Ok(()),
                length @ 1..=63 => {
                    let end = at + 1 + usize::from(length);
                    let label = self.0.get(at + 1..end).ok_or(Stop::Truncated)?;
                    if printed + label.len() <= LONGEST_NAME {
                        print_characters(label, f)?;
                        f.write_str(".")?;
                    }
                    printed += label.len() + 1;
                    at = end;
                }
                192.. => {
                    let target = usize::from(self.word(at)? & 0x3fff);
                    if target >= before {
                        f.write_str("<BAD PTR>")?;
                        return Err(Stop::Truncated);
                    }
                    (before, at) = (target, target);
                }
                _ => {
                    f.write_str("<BAD LABEL TYPE>")?;
                    return Err(Stop::Truncated);
                }
            }
        }
    }
}

fn print_type(kind: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match TYPES.iter().find(|(number, _)| *number == kind) {
        Some((_, name)) => f.write_str(name),
        None => write!(f, "Type{kind}"),
    }
}

fn print_class(class: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match class {
        1 => Ok(()),
        3 => f.write_str(" CHAOS"),
        4 => f.write_str(" HS"),
        255 => f.write_str(" ANY"),
        class => write!(f, " (Class {class})"),
    }
}

fn print_aaaa(data: &[u8], f: &mut fmt::Formatter<'_>) -> Printed {
    let octets = data.first_chunk::<16>().ok_or(Stop::Truncated)?;
    write!(f, " {}", Ipv6Addr::from(*octets))?;
    Ok(())
}

fn print_text(mut data: &[u8], f: &mut fmt::Formatter<'_>) -> Printed {
    while let Some((&length, rest)) = data.split_first() {
        let length = usize::from(length);
        let text = rest.get(..length).ok_or(Stop::Truncated)?;
        f.write_str(" \"")?;
        print_characters(text, f)?;
        f.write_str("\"")?;
        data = &rest[length..];
    }
    Ok(())
}

/// As tcpdump makes octets visible: `^A`, and `M-` in front of those above 127.
fn print_characters(octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for &octet in octets {
        let low = octet & 0x7f;
        if octet != low {
            f.write_str("M-")?;
        }
        match low {
            0x20..=0x7e => write!(f, "{}", char::from(low))?,
            _ => write!(f, "^{}", char::from(low ^ 0x40))?,
        }
    }
    Ok(())
}
