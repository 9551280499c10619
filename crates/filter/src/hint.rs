//! What people who write these mistakes usually mean.

use std::net::Ipv4Addr;

use crate::lex::{Kind, Token, nesting, tokens};

/// What surprises in `a or b and c`.
pub(crate) const SAME_RANK: &str =
    "`and` and `or` have the same rank and are taken from left to right";

/// A hint about an expression that libpcap refused with `message`.
pub(crate) fn of(expression: &str, message: &str) -> Option<String> {
    let tokens = tokens(expression);
    about_shell(expression, &tokens)
        .or_else(|| about_message(message, &tokens))
        .or_else(|| about_pairs(&tokens))
        .or_else(|| about_ports(&tokens))
        .or_else(|| about_parentheses(&tokens))
        .or_else(|| about_start(&tokens))
}

/// A hint about one word that is no keyword.
pub(crate) fn of_word(word: &str) -> Option<String> {
    const DISPLAY_FILTERS: [(&str, &str); 12] = [
        ("ip.addr", "host 10.0.1.5"),
        ("ip.src", "src host 10.0.1.5"),
        ("ip.dst", "dst host 10.0.1.5"),
        ("tcp.port", "tcp port 443"),
        ("tcp.srcport", "tcp src port 443"),
        ("tcp.dstport", "tcp dst port 443"),
        ("udp.port", "udp port 53"),
        ("udp.srcport", "udp src port 53"),
        ("udp.dstport", "udp dst port 53"),
        ("icmp.type", "icmp[icmptype] == icmp-unreach"),
        ("frame.len", "greater 1000"),
        ("tcp.flags", "tcp[tcpflags] & tcp-syn != 0"),
    ];
    let lower = word.to_ascii_lowercase();
    if let Some((_, pcap)) = DISPLAY_FILTERS.iter().find(|(field, _)| {
        lower == *field || lower.starts_with("tcp.flags.") && *field == "tcp.flags"
    }) {
        return Some(format!(
            "`{word}` is of Wireshark's display filters; a capture filter says `{pcap}`"
        ));
    }
    match lower.as_str() {
        "dport" => Some("write `dst port`".to_owned()),
        "sport" => Some("write `src port`".to_owned()),
        "tcpdump" | "sudo" => Some(COMMAND.to_owned()),
        "syn" | "ack" | "fin" | "rst" | "flags" => {
            Some("flags are read as `tcp[tcpflags] & tcp-syn != 0`".to_owned())
        }
        "http" | "https" | "dns" | "ssh" | "ntp" | "mysql" | "postgres" => Some(format!(
            "say by which port {word} is known, such as `port {}`",
            port_of(&lower)
        )),
        "any" | "all" => Some("leave the condition out to match everything".to_owned()),
        _ if word != lower => Some(format!("keywords are lower case: `{lower}`")),
        _ => None,
    }
}

fn port_of(service: &str) -> u16 {
    match service {
        "http" => 80,
        "dns" => 53,
        "ssh" => 22,
        "ntp" => 123,
        "mysql" => 3306,
        "postgres" => 5432,
        _ => 443,
    }
}

const COMMAND: &str = "write the expression alone, without `tcpdump` and its options";

/// A frame has no direction, and two addresses.
pub(crate) fn about_direction(word: &str) -> String {
    let end = if word == "inbound" { "dst" } else { "src" };
    format!("a captured frame does not say which way it went: write `{end} host ADDRESS`")
}

/// What the shell would have taken away, or replaced.
pub(crate) fn about_shell(expression: &str, tokens: &[Token<'_>]) -> Option<String> {
    let text = expression.trim();
    if tokens
        .first()
        .is_some_and(|it| matches!(it.text, "tcpdump" | "sudo"))
    {
        return Some(COMMAND.to_owned());
    }
    let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('\'') || quoted('"') {
        return Some("the quotes are for the shell: leave them out here".to_owned());
    }
    if text.contains([
        '\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}',
    ]) {
        return Some("the language has no quotes".to_owned());
    }
    if text.contains(['$', '~']) {
        return Some("shell variables are not replaced here: write the value".to_owned());
    }
    if ["\\(", "\\)", "\\|", "\\&", "\\!", "\\[", "\\]"]
        .iter()
        .any(|pair| text.contains(pair))
    {
        return Some("the backslashes are for the shell: leave them out here".to_owned());
    }
    if text.starts_with('-') {
        return Some(COMMAND.to_owned());
    }
    if let Some(odd) = text
        .chars()
        .find(|it| it.is_control() && !it.is_whitespace())
    {
        let code = u32::from(odd);
        return Some(format!(
            "a control character (0x{code:02x}) is in it: type the line anew"
        ));
    }
    if text.contains('#') {
        return Some("the language has no comments".to_owned());
    }
    if text.contains(';') {
        return Some("the language has no `;`: conditions are joined by `and` and `or`".to_owned());
    }
    let upper = tokens
        .iter()
        .find(|token| matches!(token.text, "AND" | "OR" | "NOT"))?;
    Some(format!(
        "operators are lower case: `{}`",
        upper.text.to_ascii_lowercase()
    ))
}

fn about_message(message: &str, tokens: &[Token<'_>]) -> Option<String> {
    if message.contains("Mask syntax for networks only") {
        let net = net(tokens)?;
        return Some(format!("a block of addresses needs `net`: `{net}`"));
    }
    if message.contains("non-network bits set") {
        return about_host_bits(tokens);
    }
    if message.contains("modifier applied to host") {
        return Some(
            "a number after `src` or `dst` is taken for a host: write `dst port 80`".to_owned(),
        );
    }
    if message.contains("proto") && message.contains("unknown") {
        return Some(
            "protocols of IP are `tcp`, `udp`, `icmp` by themselves, others by number: \
             `ip proto 47`"
                .to_owned(),
        );
    }
    if message.contains("unknown port") {
        return Some("write the port's number".to_owned());
    }
    message
        .contains("invalid IPv4 address")
        .then(|| "each of the four numbers is at most 255".to_owned())
}

/// The first block of addresses with `net` and its direction: `dst net 10.0.0.0/16`.
fn net(tokens: &[Token<'_>]) -> Option<String> {
    let slash = tokens.iter().position(|token| token.is("/"))?;
    let (address, length) = (tokens.get(slash.checked_sub(1)?)?, tokens.get(slash + 1)?);
    let direction = tokens[..slash - 1]
        .iter()
        .rev()
        .take_while(|token| !token.is_and() && !token.is_or())
        .find(|token| token.is("src") || token.is("dst"));
    let direction = direction.map_or(String::new(), |token| format!("{} ", token.text));
    Some(format!("{direction}net {}/{}", address.text, length.text))
}

fn about_host_bits(tokens: &[Token<'_>]) -> Option<String> {
    let slash = tokens.windows(3).find(|window| window[1].is("/"))?;
    let address: Ipv4Addr = slash[0].text.parse().ok()?;
    let length: u32 = slash[2].text.parse().ok().filter(|length| *length <= 32)?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    let network = Ipv4Addr::from_bits(address.to_bits() & mask);
    Some(format!(
        "write `net {network}/{length}`, or `host {address}` for that address alone"
    ))
}

/// Two things side by side that need something between them.
fn about_pairs(tokens: &[Token<'_>]) -> Option<String> {
    let is_value = |token: &Token<'_>| matches!(token.kind, Kind::Number | Kind::Address);
    for window in tokens.windows(3) {
        let [first, between, second] = window else {
            continue;
        };
        if between.text == "," && is_value(first) {
            return Some(format!(
                "a list is written with `or`: `{} or {}`",
                first.text, second.text
            ));
        }
        if between.is(":") && first.text.parse::<Ipv4Addr>().is_ok() {
            let (host, port) = (first.text, second.text);
            return Some(format!(
                "address and port are two conditions: `host {host} and port {port}`"
            ));
        }
    }
    tokens.windows(2).find_map(|window| {
        let [first, second] = window else { return None };
        (is_value(first) && is_value(second)).then(|| {
            let (first, second) = (first.text, second.text);
            format!("join conditions with `and` or `or`: `{first} or {second}`")
        })
    })
}

fn about_ports(tokens: &[Token<'_>]) -> Option<String> {
    tokens.windows(2).find_map(|window| {
        let [keyword, number] = window else {
            return None;
        };
        let is_port = keyword.is("port") && number.kind == Kind::Number;
        let too_large = is_port && number.text.parse::<u64>().is_ok_and(|port| port > 65535);
        too_large.then(|| "ports go up to 65535".to_owned())
    })
}

fn about_parentheses(tokens: &[Token<'_>]) -> Option<String> {
    let count = |text| tokens.iter().filter(|token| token.is(text)).count();
    for (open, close) in [("(", ")"), ("[", "]")] {
        let (opened, closed) = (count(open), count(close));
        if opened != closed && nesting(tokens) + opened + closed > 0 {
            let (more, missing) = if opened > closed {
                (open, close)
            } else {
                (close, open)
            };
            return Some(format!("a `{more}` lacks its `{missing}`"));
        }
    }
    None
}

fn about_start(tokens: &[Token<'_>]) -> Option<String> {
    let first = tokens.first()?;
    let last = tokens.last()?;
    if last.is_and() || last.is_or() || last.is_not() {
        return Some(format!("something must follow `{}`", last.text));
    }
    if first.is_and() || first.is_or() {
        return Some(format!("something must stand in front of `{}`", first.text));
    }
    let is_block = tokens.get(1).is_some_and(|token| token.is("/"));
    match first.kind {
        Kind::Number | Kind::Address if is_block => {
            Some(format!("say what it is: `{}`", net(tokens)?))
        }
        Kind::Number if !first.text.contains('.') => {
            Some(format!("say what it is: `port {}`", first.text))
        }
        Kind::Number | Kind::Address => Some(format!("say what it is: `host {}`", first.text)),
        _ => None,
    }
}
