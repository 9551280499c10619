//! A running tcpdump that reads packets from us.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wirelab_filter::LinkType;
use wirelab_model::UnixTime;

use super::capture::{Capture, Frame};
use super::feed;
use super::options::Options;
use crate::failure::{Code, Failure};
use crate::output;

/// How long tcpdump may take to open its input.
const OPENS: Duration = Duration::from_secs(5);
const SIGPIPE: i32 = 13;

/// A tcpdump process and the pcap stream into it.
pub(super) struct Pipe {
    child: Child,
    stdin: Option<BufWriter<ChildStdin>>,
    relays: Vec<JoinHandle<()>>,
    /// Interfaces of the packets that are not printed yet, where we put in their names.
    names: Option<Names>,
    starts: UnixTime,
    snaplen: u32,
    written: u64,
}

type Names = Arc<Mutex<VecDeque<String>>>;

impl Pipe {
    /// Starts tcpdump; it prints virtual UTC.
    pub(super) fn start(
        options: &Options,
        capture: &Capture,
        starts: UnixTime,
    ) -> Result<Self, Failure> {
        let named = capture.link == LinkType::LINUX_SLL2 && !options.writes_file();
        let names = named.then(Names::default);
        let mut command = command(options);
        if names.is_some() {
            command.stdout(Stdio::piped());
        }
        let mut child = command.spawn().map_err(no_tcpdump)?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (sender, opened) = mpsc::channel();
        let mut relays = vec![std::thread::spawn(move || relay(stderr, &sender))];
        if let (Some(names), Some(stdout)) = (names.clone(), child.stdout.take()) {
            relays.push(std::thread::spawn(move || name_interfaces(stdout, &names)));
        }
        let mut stdin = BufWriter::new(stdin);
        // A tcpdump that has ended already says why on stderr.
        let begun = feed::write_header(&mut stdin, capture.link, options.snaplen);
        begun.and_then(|()| stdin.flush()).ok();
        if opened.recv_timeout(OPENS).is_ok() && !options.program {
            output::note(&banner(capture, options.snaplen));
        }
        Ok(Self {
            child,
            stdin: Some(stdin),
            relays,
            names,
            starts,
            snaplen: options.snaplen,
            written: 0,
        })
    }

    /// Hands packets over, so that what becomes of us does not matter to them.
    pub(super) fn write(&mut self, capture: &Capture, frames: &[Frame<'_>]) -> Result<(), Failure> {
        let stdin = self.stdin.as_mut().expect("open until finished");
        for frame in frames {
            let first_index = match &self.names {
                Some(names) => {
                    let name = capture.interfaces[frame.interface].name.clone();
                    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
                    names.push_back(name);
                    feed::NAMELESS_INDEX
                }
                None => feed::FIRST_INDEX,
            };
            let at = self.starts.at(frame.captured.at).as_nanos();
            let bytes = capture.bytes(frame, first_index);
            feed::write_packet(stdin, at, &bytes, self.snaplen)?;
            self.written += 1;
        }
        Ok(stdin.flush()?)
    }

    /// Whether tcpdump has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the stream and waits for tcpdump; says how many packets it got.
    pub(super) fn finish(self) -> Result<Code, Failure> {
        let written = self.written;
        self.end()?;
        output::note(&format!("{written} packets captured"));
        Ok(Code::Passed)
    }

    /// Ends the stream and waits for tcpdump.
    pub(super) fn end(mut self) -> Result<Code, Failure> {
        if let Some(mut stdin) = self.stdin.take() {
            // A tcpdump that ended before has said why on stderr.
            stdin.flush().ok();
        }
        let status = self.child.wait()?;
        for relay in self.relays.drain(..) {
            relay.join().ok();
        }
        ended(status)
    }
}

/// tcpdump, in a process group of its own: a terminal's Ctrl-C ends the stream, and what is in it
/// is still printed and written.
fn command(options: &Options) -> Command {
    let mut command = Command::new("tcpdump");
    command.args(["-r", "-", "-l"]);
    if !options.numeric {
        // Simulated addresses are not asked about in the real DNS.
        command.arg("-n");
    }
    command.args(&options.passed);
    if options.program && !options.expression.is_empty() {
        command.args(["--", &options.expression]);
    }
    command
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Runs `tcpdump --version` and the like.
pub(super) fn about(option: &str) -> Result<Code, Failure> {
    let status = Command::new("tcpdump").arg(option).status();
    ended(status.map_err(no_tcpdump)?)
}

fn ended(status: ExitStatus) -> Result<Code, Failure> {
    if status.success() {
        return Ok(Code::Passed);
    }
    if status.signal() == Some(SIGPIPE) {
        return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
    }
    Err(Failure::usage("tcpdump refused; it says why above"))
}

fn banner(capture: &Capture, snaplen: u32) -> String {
    let names: Vec<_> = capture.interfaces.iter().map(|it| &*it.name).collect();
    let host = capture.interfaces.first().map_or("", |it| &it.host);
    let names = names.join(", ");
    match capture.link {
        LinkType::LINUX_SLL2 => format!(
            "tcpdump: listening on any of {host} ({names}), link-type LINUX_SLL2 (Linux cooked \
             v2), snapshot length {snaplen} bytes"
        ),
        _ => format!(
            "tcpdump: listening on {names} of {host}, link-type EN10MB (Ethernet), snapshot \
             length {snaplen} bytes"
        ),
    }
}

/// Passes tcpdump's talk on, less the lines about its input; the first of them says that it is
/// open.
fn relay(stderr: impl Read, opened: &Sender<()>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.starts_with("reading from file -") {
            opened.send(()).ok();
        } else if line != "Warning: interface names might be incorrect" {
            output::note(&line);
        }
    }
}

/// Copies what tcpdump prints, with the simulated interfaces' names.
fn name_interfaces(stdout: impl Read, names: &Names) {
    let mut lines = BufReader::new(stdout);
    let mut out = BufWriter::new(std::io::stdout());
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        let written = match nameless(&text) {
            Some(at) => {
                let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
                let name = names.pop_front().unwrap_or_default();
                let (before, after) = (&text[..at], &text[at + NAMELESS.len()..]);
                let after = with_own_index(after);
                out.write_all(format!("{before}{name:<5} {after}").as_bytes())
            }
            None => out.write_all(&line),
        };
        let idle = lines.buffer().is_empty();
        // The reader going away ends tcpdump too.
        if written
            .and_then(|()| if idle { out.flush() } else { Ok(()) })
            .is_err()
        {
            return;
        }
        line.clear();
    }
    out.flush().ok();
}

/// What tcpdump prints for an interface without a name, padded to five.
const NAMELESS: &str = "?     ";

/// Where the interface stands in the first line of a packet: before its direction.
fn nameless(line: &str) -> Option<usize> {
    let at = line.find(NAMELESS)?;
    let after = &line[at + NAMELESS.len()..];
    let directions = ["In  ", "Out ", "B   ", "M   ", "P   "];
    let directed = directions.iter().any(|it| after.starts_with(it));
    let stamp = line[..at].chars().all(|it| !it.is_alphabetic());
    (directed && stamp).then_some(at)
}

/// What follows an interface's name, with the number that `-e` shows as the machine counts.
fn with_own_index(text: &str) -> Cow<'_, str> {
    const WORD: &str = "ifindex ";
    let own = || {
        let (direction, rest) = text.split_once(WORD)?;
        let (number, rest) = rest.split_once(' ')?;
        let at = number
            .parse::<u32>()
            .ok()?
            .checked_sub(feed::NAMELESS_INDEX)?;
        let number = feed::FIRST_INDEX + at;
        // It stands behind the direction.
        (direction.trim_end().len() < 4).then(|| format!("{direction}{WORD}{number} {rest}"))
    };
    own().map_or(Cow::Borrowed(text), Cow::Owned)
}

fn no_tcpdump(error: std::io::Error) -> Failure {
    Failure::environment(format!("tcpdump does not start: {error}"))
        .hint("`wirelab doctor` says how to install it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_the_number_that_the_machine_gives_it() {
        let shown = "Out ifindex 2147418113 02:00:00:00:00:01 ethertype IPv4";
        let own = "Out ifindex 3 02:00:00:00:00:01 ethertype IPv4";
        assert_eq!(with_own_index(shown), own);
        let other = "In  IP 10.0.0.1.5 > 10.0.0.2.53: ifindex 2147418113 is text here";
        assert_eq!(with_own_index(other), other);
    }

    #[test]
    fn a_name_is_put_in_only_where_tcpdump_prints_an_interface() {
        let heads = [
            "09:00:04.1 ?     In  IP 10.0.0.1.5 > 10.0.0.2.53: UDP",
            "2026-03-05 09:00:04.1 ?     Out IP 10.0.0.1 > 10.0.0.2: ICMP",
            "    1  ?     B   IP 10.0.0.1.68 > 255.255.255.255.67: UDP",
        ];
        for head in heads {
            assert_eq!(nameless(head), head.find('?'), "{head}");
        }
        for other in [
            "\t0x0010:  3f20 2020 2020 496e  ?.....In.",
            "GET /?     In  it",
        ] {
            assert_eq!(nameless(other), None, "{other}");
        }
    }
}
