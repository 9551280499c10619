//! Protocols of text lines: HTTP, SSH, SMTP, FTP.

use std::fmt;

/// The request methods that tcpdump knows, WebDAV's included.
const HTTP_METHODS: &[&str] = &[
    "GET",
    "PUT",
    "COPY",
    "HEAD",
    "LOCK",
    "MOVE",
    "POLL",
    "POST",
    "BCOPY",
    "BMOVE",
    "MKCOL",
    "TRACE",
    "LABEL",
    "MERGE",
    "DELETE",
    "SEARCH",
    "UNLOCK",
    "REPORT",
    "UPDATE",
    "NOTIFY",
    "BDELETE",
    "CONNECT",
    "OPTIONS",
    "CHECKIN",
    "PROPFIND",
    "CHECKOUT",
    "CCM_POST",
    "SUBSCRIBE",
    "PROPPATCH",
    "BPROPFIND",
    "BPROPPATCH",
    "UNCHECKOUT",
    "MKACTIVITY",
    "MKWORKSPACE",
    "UNSUBSCRIBE",
    "RPC_CONNECT",
    "VERSION-CONTROL",
    "BASELINE-CONTROL",
];
/// The longest token that tcpdump keeps.
const LONGEST_TOKEN: usize = 128;

/// `: HTTP`, and the first line if it is a request's or a response's.
pub(super) fn print_http(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(": HTTP")?;
    let Some((method, rest)) = token(payload) else {
        return Ok(());
    };
    let is_request = HTTP_METHODS
        .iter()
        .any(|known| method.eq_ignore_ascii_case(known.as_bytes()));
    let is_response = matches!(token(rest), Some(([a, b, c], _))
        if [a, b, c].iter().all(|digit| digit.is_ascii_digit()));
    if is_request || is_response {
        print_first_line(": ", "http", payload, f)?;
    }
    Ok(())
}

/// `: NAME: ` and the first line, whatever it is.
pub(super) fn print_line(name: &str, payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, ": {name}")?;
    print_first_line(": ", &name.to_ascii_lowercase(), payload, f)
}

/// The version line; nothing for the binary packets after it.
pub(super) fn print_ssh(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if payload.starts_with(b"SSH-") {
        print_first_line(": SSH: ", "ssh", payload, f)?;
    }
    Ok(())
}

/// The first word and what follows the white space after it; `None` if it is no printable word.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    let end = text.iter().position(is_space).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() || word.len() >= LONGEST_TOKEN || !word.iter().all(is_printable) {
        return None;
    }
    let next = rest.iter().position(|octet| !matches!(octet, b' ' | b'\t'));
    Some((word, &rest[next.unwrap_or(rest.len())..]))
}

fn is_printable(octet: &u8) -> bool {
    matches!(octet, 0x20..=0x7e)
}

/// The first line if all of it is printable, with a mark if it does not end in this packet.
fn print_first_line(
    prefix: &str,
    protocol: &str,
    payload: &[u8],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let end = payload
        .iter()
        .position(|octet| !is_printable(octet) && *octet != b'\t')
        .unwrap_or(payload.len());
    let line = String::from_utf8_lossy(&payload[..end]);
    match &payload[end..] {
        [b'\n', ..] | [b'\r', b'\n', ..] => write!(f, "{prefix}{line}"),
        [] => write!(f, "{prefix}{line} [|{protocol}]"),
        _ => Ok(()),
    }
}
