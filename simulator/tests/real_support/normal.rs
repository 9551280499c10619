//! What two runs of one program need not have in common: times, dates, numbers that are drawn.

/// A line as it is compared.
pub(crate) fn normal(line: &str) -> String {
    let mut line = without_peer(&without_colours(line));
    // As coreutils quote where the locale is not C.
    line = line.replace(['‘', '’'], "'");
    for peer in [
        "\"link_index\":2,",
        "\"link_index\":3,",
        ",\"link_netnsid\":0",
    ] {
        line = line.replace(peer, "");
    }
    for (before, after) in [
        ("DiG ", " <<>>"),
        (";; WHEN: ", ""),
        ("timer:(timewait,", ",0)"),
        (" timewait (", "/0/0)"),
        ("Date: ", ""),
        (" id: ", ""),
        (" link-netns ", " "),
        (" link-netnsid ", " "),
        (" qdisc ", " "),
        ("\"qdisc\":\"", "\""),
        ("\"qdisc\": \"", "\""),
        ("\"expires\":", ","),
        ("\"expires\": ", ","),
        ("for host: 0x", " ["),
    ] {
        line = replaced(&line, before, after);
    }
    durations(&ports(&tracked(&line)))
}

/// An entry of `conntrack -L`: seconds left, echo identifiers, ephemeral ports.
fn tracked(line: &str) -> String {
    if !line.ends_with(" mark=0 use=1") {
        return line.to_owned();
    }
    let is_drawn = |text: &str| {
        text.parse::<u32>()
            .is_ok_and(|it| (32_768..61_000).contains(&it) && !(33_434..33_534).contains(&it))
    };
    let mut seconds = false;
    let word = |word: &str| {
        let shown = match word.split_once('=') {
            Some((name @ ("sport" | "dport"), port)) if is_drawn(port) => format!("{name}=#"),
            Some(("id", _)) => "id=#".to_owned(),
            None if seconds && word.parse::<u32>().is_ok() => "#".to_owned(),
            _ => word.to_owned(),
        };
        // They stand behind the protocol's number.
        seconds = matches!(word, "1" | "6" | "17");
        shown
    };
    let words: Vec<_> = line.split(' ').map(word).collect();
    words.join(" ")
}

/// Bold names of header fields, say.
fn without_colours(line: &str) -> String {
    line.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "")
}

/// `ens5@if2`: the other end of a veth pair. Columns stay where they are.
fn without_peer(line: &str) -> String {
    let Some((head, tail)) = line.split_once("@if") else {
        return line.to_owned();
    };
    let rest = tail.trim_start_matches(|it: char| it.is_ascii_digit());
    let gap = match rest.starts_with(' ') {
        true => line.len() - head.len() - rest.len(),
        false => 0,
    };
    format!("{head}{:gap$}{rest}", "")
}

/// What stands between two texts becomes `#`; up to the end of the line without a second one.
fn replaced(line: &str, before: &str, after: &str) -> String {
    let Some((head, tail)) = line.split_once(before) else {
        return line.to_owned();
    };
    let rest = match after {
        "" => "",
        after => tail.find(after).map_or("", |at| &tail[at..]),
    };
    match before {
        " link-netnsid " | " link-netns " => format!("{head}{rest}"),
        _ => format!("{head}{before}#{rest}"),
    }
}

/// Ports of the ephemeral range.
fn ports(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|it: char| it.is_ascii_digit()) {
        let (head, tail) = rest.split_at(at);
        text += head;
        let end = tail.find(|it: char| !it.is_ascii_digit());
        let (number, tail) = tail.split_at(end.unwrap_or(tail.len()));
        let drawn = (head.ends_with(':') || head.ends_with("port "))
            && number.len() == 5
            && number
                .parse::<u32>()
                .is_ok_and(|it| (32768..61000).contains(&it));
        text += if drawn { "#####" } else { number };
        rest = tail;
    }
    text + rest
}

/// Milliseconds, seconds, and lists of them. Where they stand in a column (`%3d.%03dms` of
/// tracepath), the column stays.
fn durations(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|it: char| it.is_ascii_digit()) {
        let (head, tail) = rest.split_at(at);
        text += head;
        let end = tail.find(|it: char| !(it.is_ascii_digit() || it == '.' || it == '/'));
        let (number, tail) = tail.split_at(end.unwrap_or(tail.len()));
        let unit = tail.strip_prefix(' ').unwrap_or(tail);
        let timed = ["ms", "usec", "milliseconds"]
            .iter()
            .any(|it| unit.starts_with(it))
            || tail.starts_with("sec");
        let in_column = head.ends_with(' ') && number.contains('.') && tail.starts_with("ms");
        text += &match timed {
            true if in_column => format!("{:>width$}", '#', width = number.len()),
            true => vec!["#"; number.split('/').count()].join("/"),
            false => number.to_owned(),
        };
        rest = tail;
    }
    text + rest
}
