//! Splits the command line after the host: what is ours, what is tcpdump's, and the expression.

use wirelab_model::SimDuration;

use super::feed::SNAPLEN;
use crate::failure::Failure;

/// With `-c`, a capture that sees nothing more is given up after this long.
const PATIENCE: SimDuration = SimDuration::from_secs(15 * 60);
/// tcpdump's options that take a value (tcpdump 4.99, `SHORTOPTS`); long ones that do are in
/// [`LONG_WITH_VALUE`].
const SHORT_WITH_VALUE: &str = "BcCEFGijmMQrsTVwWyzZ";
const LONG_WITH_VALUE: &[&str] = &[
    "buffer-size",
    "direction",
    "interface",
    "linktype",
    "relinquish-privileges",
    "snapshot-length",
    "time-stamp-precision",
    "time-stamp-type",
];
/// Options of a live capture: they have no effect on packets that come from a file.
const LIVE_ONLY: &[&str] = &[
    "B",
    "I",
    "j",
    "p",
    "Z",
    "immediate-mode",
    "monitor-mode",
    "no-promiscuous-mode",
    "buffer-size",
    "time-stamp-type",
    "relinquish-privileges",
];

/// The command line, sorted out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `--since`: the past from there on.
    pub(super) since: Option<String>,
    /// `--for`: so much time is run ahead.
    pub(super) run_for: Option<SimDuration>,
    /// `-c`.
    pub(super) count: Option<u64>,
    /// `-i`.
    pub(super) interface: Option<String>,
    /// `-s`, in octets.
    pub(super) snaplen: u32,
    /// `-Q`: only what the machine sent, or only what it got.
    pub(super) outbound: Option<bool>,
    /// Whether `-n` is among what tcpdump gets.
    pub(super) numeric: bool,
    /// `-d`: tcpdump prints the expression's program and nothing else.
    pub(super) program: bool,
    /// Something else than a capture.
    pub(super) about: Option<About>,
    /// What tcpdump gets.
    pub(super) passed: Vec<String>,
    /// `--unpredicted`: time may pass the moment of a prediction that nobody has made.
    pub(super) unpredicted: bool,
    /// The filter expression.
    pub(super) expression: String,
}

/// What tcpdump tells without capturing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// `-D`.
    Interfaces,
    /// `-L`.
    LinkTypes,
    /// `--version`.
    Version,
    /// `--help`.
    Help,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            snaplen: SNAPLEN,
            ..Self::default()
        };
        let mut words = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                words.extend(rest.by_ref().map(String::as_str));
            } else if let Some(long) = argument.strip_prefix("--") {
                options.long(long, &mut rest)?;
            } else if argument.len() > 1 && argument.starts_with('-') {
                options.short(&argument[1..], &mut rest)?;
            } else {
                words.push(argument.as_str());
            }
        }
        options.expression = words.join(" ");
        Ok(options)
    }

    fn long<'a>(
        &mut self,
        text: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), Failure> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let ours = name == "since" || name == "for";
        let takes_value = ours || LONG_WITH_VALUE.contains(&name);
        let value = match value {
            None if takes_value => Some(next_value(&format!("--{name}"), rest)?),
            value => value,
        };
        self.take(name, value)
    }

    /// `nnvc3`: a bundle in which the first that takes a value takes the rest, or the next word.
    fn short<'a>(
        &mut self,
        bundle: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), Failure> {
        for (index, letter) in bundle.char_indices() {
            let name = letter.to_string();
            if !SHORT_WITH_VALUE.contains(letter) {
                self.take(&name, None)?;
                continue;
            }
            let tail = &bundle[index + letter.len_utf8()..];
            let value = if tail.is_empty() {
                next_value(&format!("-{letter}"), rest)?
            } else {
                tail.to_owned()
            };
            return self.take(&name, Some(value));
        }
        Ok(())
    }

    fn take(&mut self, name: &str, value: Option<String>) -> Result<(), Failure> {
        match (name, value) {
            ("since", since) => self.since = since,
            ("unpredicted", None) => self.unpredicted = true,
            ("for", Some(text)) => self.run_for = Some(text.parse().map_err(Failure::usage)?),
            ("c", Some(text)) => self.count = Some(count(&text)?),
            ("i" | "interface", interface) => self.interface = interface,
            ("F", Some(file)) => return Err(unsupported("-F", &file)),
            ("r" | "V", Some(file)) => return Err(reads_files(&file)),
            ("s" | "snapshot-length", Some(text)) => self.snaplen = snaplen(&text)?,
            ("Q" | "direction", Some(text)) => self.outbound = outbound(&text)?,
            ("y" | "linktype", Some(text)) => link_type(&text)?,
            ("D" | "list-interfaces", _) => self.about = Some(About::Interfaces),
            ("L" | "list-data-link-types", _) => self.about = Some(About::LinkTypes),
            ("version", _) => self.about = Some(About::Version),
            ("h" | "help", _) => self.about = Some(About::Help),
            (name, _) if LIVE_ONLY.contains(&name) => {}
            (name, value) => self.pass(name, value),
        }
        Ok(())
    }

    /// How long time is run ahead at most, if it is.
    pub(super) fn runs_ahead(&self) -> Option<SimDuration> {
        let counts = self.count.is_some() && self.since.is_none();
        self.run_for.or_else(|| counts.then_some(PATIENCE))
    }

    /// Whether the capture waits for what other commands do.
    pub(super) const fn follows(&self) -> bool {
        self.run_for.is_none() && self.count.is_none() && self.since.is_none()
    }

    /// Whether packets go to a file, or to stdout as a file.
    pub(super) fn writes_file(&self) -> bool {
        self.passed.iter().any(|it| it == "-w")
    }

    fn pass(&mut self, name: &str, value: Option<String>) {
        self.numeric |= name == "n";
        self.program |= name == "d";
        if name.chars().count() == 1 {
            self.passed.push(format!("-{name}"));
            self.passed.extend(value);
        } else {
            let value = value.map_or(String::new(), |value| format!("={value}"));
            self.passed.push(format!("--{name}{value}"));
        }
    }
}

fn next_value<'a>(
    option: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<String, Failure> {
    let value = rest.next().cloned();
    value.ok_or_else(|| Failure::usage(format!("`{option}` needs a value")))
}

fn count(text: &str) -> Result<u64, Failure> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Failure::usage(format!(
            "`-c {text}`: a number of packets, 1 or more"
        ))),
    }
}

/// 0 is tcpdump's default, as in tcpdump.
fn snaplen(text: &str) -> Result<u32, Failure> {
    match text.parse() {
        Ok(0) => Ok(SNAPLEN),
        Ok(snaplen) if snaplen <= SNAPLEN => Ok(snaplen),
        _ => Err(Failure::usage(format!(
            "`-s {text}`: a number of octets, {SNAPLEN} at most"
        ))),
    }
}

fn outbound(text: &str) -> Result<Option<bool>, Failure> {
    match text {
        "in" => Ok(Some(false)),
        "out" => Ok(Some(true)),
        "inout" => Ok(None),
        _ => Err(Failure::usage(format!(
            "`-Q {text}`: a direction is `in`, `out` or `inout`"
        ))),
    }
}

/// `-y` may say what is so anyway.
fn link_type(text: &str) -> Result<(), Failure> {
    if ["EN10MB", "LINUX_SLL2"].contains(&text) {
        return Ok(());
    }
    Err(
        Failure::usage(format!("`-y {text}`: the interfaces are Ethernet"))
            .hint("`-L` lists link types"),
    )
}

fn unsupported(option: &str, file: &str) -> Failure {
    Failure::usage(format!("`{option} {file}`: give the expression itself"))
        .hint(format!("wirelab tcpdump HOST \"$(cat {file})\""))
}

fn reads_files(file: &str) -> Failure {
    Failure::usage(format!("`-r {file}` reads a file, which has no host")).hint(format!(
        "tcpdump -r {file} for a file; --since start for the host's past"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        Options::parse(&words).expect(line)
    }

    #[test]
    fn options_and_expression_may_come_in_any_order() {
        let options = parse("host 10.0.1.5 -nnvc3 --since 10m and tcp -i ens5 -s 96 --number");
        assert_eq!(options.expression, "host 10.0.1.5 and tcp");
        assert_eq!(options.count, Some(3));
        assert_eq!(options.since.as_deref(), Some("10m"));
        assert_eq!(options.interface.as_deref(), Some("ens5"));
        assert_eq!(options.passed, ["-n", "-n", "-v", "--number"]);
        assert_eq!((options.snaplen, options.numeric), (96, true));
    }

    #[test]
    fn a_ring_of_files_is_tcpdumps_business_and_promiscuity_is_nobodys() {
        let options = parse("-w out.pcap -C 100 -W 5 -p --immediate-mode --for=60s");
        assert_eq!(options.passed, ["-w", "out.pcap", "-C", "100", "-W", "5"]);
        assert_eq!(options.run_for, Some(SimDuration::from_secs(60)));
    }

    #[test]
    fn count_is_a_flag_and_d_prints_a_program() {
        let options = parse("--count -Q out -ddd tcp");
        assert_eq!((options.count, options.outbound), (None, Some(true)));
        assert_eq!(options.passed, ["--count", "-d", "-d", "-d"]);
        assert!(options.program && !options.numeric);
        assert_eq!(options.expression, "tcp");
        assert_eq!(parse("--version").about, Some(About::Version));
    }

    #[test]
    fn reading_a_file_is_refused_with_the_way_to_do_it() {
        let error = Options::parse(&["-r".to_owned(), "x.pcap".to_owned()]);
        assert!(error.expect_err("refused").to_string().contains("x.pcap"));
    }
}
