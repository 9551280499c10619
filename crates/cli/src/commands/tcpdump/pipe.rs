//! A running tcpdump that reads packets from us.

use std::io::{BufRead, BufReader, BufWriter};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use wirelab_model::UnixTime;
use wirelab_simulator::Captured;
use wirelab_wire::pcap::{DEFAULT_SNAPLEN, PcapWriter};

use super::options::Options;
use crate::failure::{Code, Failure};
use crate::hosts::Interface;
use crate::output;

/// A tcpdump process and the pcap stream into it.
pub(super) struct Pipe {
    child: Child,
    writer: Option<PcapWriter<BufWriter<ChildStdin>>>,
    talk: Option<JoinHandle<()>>,
    starts: UnixTime,
    written: u64,
}

impl Pipe {
    /// Starts tcpdump; it prints virtual UTC.
    pub(super) fn start(
        options: &Options,
        interface: &Interface,
        starts: UnixTime,
    ) -> Result<Self, Failure> {
        let mut child = Command::new("tcpdump")
            .args(["-r", "-"])
            .args(&options.passed)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(no_tcpdump)?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        output::note(&format!(
            "tcpdump: listening on {} of {}, link-type EN10MB (Ethernet)",
            interface.name, interface.host
        ));
        Ok(Self {
            writer: Some(PcapWriter::new(BufWriter::new(stdin), DEFAULT_SNAPLEN)?),
            talk: Some(std::thread::spawn(move || relay(stderr))),
            child,
            starts,
            written: 0,
        })
    }

    /// Hands a packet over.
    pub(super) fn write(&mut self, captured: &Captured) -> Result<(), Failure> {
        let at = self.starts.at(captured.at).as_nanos();
        let writer = self.writer.as_mut().expect("open until finished");
        writer.write_frame(at, &captured.frame)?;
        self.written += 1;
        Ok(())
    }

    /// Lets tcpdump print what it has.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let writer = self.writer.as_mut().expect("open until finished");
        Ok(writer.flush()?)
    }

    /// Whether tcpdump has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the stream and waits for tcpdump.
    pub(super) fn finish(mut self) -> Result<Code, Failure> {
        if let Some(writer) = self.writer.take() {
            // A tcpdump that ended before has said why on stderr.
            writer.finish().ok();
        }
        let status = self.child.wait()?;
        if let Some(talk) = self.talk.take() {
            talk.join().ok();
        }
        if status.success() {
            output::note(&format!("{} packets captured", self.written));
            return Ok(Code::Passed);
        }
        Err(Failure::usage("tcpdump refused; it says why above"))
    }
}

/// Passes tcpdump's talk on, less the line about its input.
fn relay(stderr: impl std::io::Read) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if !line.starts_with("reading from file -") {
            output::note(&line);
        }
    }
}

fn no_tcpdump(error: std::io::Error) -> Failure {
    Failure::environment(format!("tcpdump does not start: {error}"))
        .hint("`wirelab doctor` says how to install it")
}
