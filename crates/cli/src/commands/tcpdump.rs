//! `wirelab tcpdump`: the real tcpdump on a simulated host's interface.
//!
//! The expression is compiled here, by libpcap, so that the packet that ends a capture is known;
//! tcpdump gets exactly the packets that pass, and prints them its own way.

mod follow;
mod options;
mod pipe;

use wirelab_filter::{Filter, LinkType};
use wirelab_model::{SimDuration, SimTime};
use wirelab_session::{Run, Session};
use wirelab_simulator::{CapturePoint, Captured};

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure, filter_failure};
use crate::hosts::{self, Interface};
use crate::{folder, output, when};

use options::Options;
use pipe::Pipe;

/// With `-c`, a capture that sees nothing more is given up after this long.
const PATIENCE: SimDuration = SimDuration::from_secs(15 * 60);
/// Time is run ahead in steps of this length, each looked through for the packet that ends it.
const STEP: SimDuration = SimDuration::from_secs(5);

/// Run the real tcpdump, with all its options, on a simulated host's interface
///
/// It starts now and prints packets as other commands move time; `-c N` and `--for 60s` run time
/// ahead; `--since` shows the past up to now. `-i` chooses among a host's interfaces. Everything
/// else goes to tcpdump: `-nn`, `-v`, `-X`, `-A`, `-e`, `-w FILE`, ... and the expression.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab tcpdump app --since start -nn 'icmp[icmptype] == icmp-unreach'
  wirelab tcpdump app --for 60s -nn -v 'tcp port 5432'
  wirelab tcpdump app -nn -c 3 'tcp[tcpflags] & tcp-syn != 0'
  wirelab tcpdump app -nn            in one terminal, while another runs `wirelab exec`

")]
pub(crate) struct Arguments {
    /// The host, or the id of an interface; `wirelab status` lists them
    #[arg(value_name = "HOST")]
    host: String,
    /// `--since TIME`, `--for DURATION`, tcpdump's options, the expression
    #[arg(
        value_name = "OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    options: Vec<String>,
}

/// What is captured: an interface, an expression, how many packets at most.
struct Capture {
    interface: Interface,
    filter: Option<Filter>,
    count: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let options = Options::parse(&arguments.options)?;
    let mut session = folder::open()?;
    let interface = choose(&session, &arguments.host, options.interface.as_deref())?;
    let capture = Capture {
        filter: compile(&options.expression)?,
        count: options.count,
        interface,
    };
    let from = since(&options, &session)?;
    let mut pipe = Pipe::start(&options, &capture.interface, session.plan().starts)?;
    match (options.run_for, options.count, from) {
        (Some(duration), _, from) => run_ahead(&mut session, &capture, from, duration, &mut pipe)?,
        (None, _, Some(from)) => past(&mut session, &capture, from, &mut pipe)?,
        (None, Some(_), None) => run_ahead(&mut session, &capture, None, PATIENCE, &mut pipe)?,
        (None, None, None) => follow::until_interrupted(session, &capture, &mut pipe)?,
    }
    pipe.finish()
}

fn since(options: &Options, session: &Session) -> Result<Option<SimTime>, Failure> {
    let since = options.since.as_deref();
    since
        .map(|text| when::parse(text, session.now(), session.plan().starts))
        .transpose()
}

fn compile(expression: &str) -> Result<Option<Filter>, Failure> {
    if expression.is_empty() {
        return Ok(None);
    }
    let filter = Filter::compile(expression, LinkType::ETHERNET).map_err(filter_failure)?;
    for lint in wirelab_filter::lints(expression, LinkType::ETHERNET) {
        output::note(&format!("note: {lint}"));
    }
    Ok(Some(filter))
}

fn choose(session: &Session, host: &str, name: Option<&str>) -> Result<Interface, Failure> {
    let mut found = hosts::find(session, host)?;
    let Some(name) = name.filter(|name| *name != "any") else {
        return Ok(found.swap_remove(0));
    };
    let names: Vec<_> = found.iter().map(|it| it.name.clone()).collect();
    found.into_iter().find(|it| it.name == name).ok_or_else(|| {
        Failure::usage(format!("host `{host}` has no interface `{name}`"))
            .hint(format!("it has: {}", names.join(", ")))
    })
}

impl Capture {
    fn point(&self) -> &CapturePoint {
        &self.interface.point
    }

    /// The frames that pass, from the `skip`th of the capture point on.
    fn passing<'a>(&'a self, run: &'a Run, skip: usize) -> impl Iterator<Item = &'a Captured> {
        let frames = run.evidence().captured(self.point());
        frames
            .get(skip..)
            .unwrap_or_default()
            .iter()
            .filter(|frame| self.passes(frame))
    }

    fn passes(&self, captured: &Captured) -> bool {
        self.filter.as_ref().is_none_or(|filter| {
            let bytes = captured.frame.to_bytes();
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            filter.matches(&bytes, length)
        })
    }

    /// How many frames `run` has seen before `at`.
    fn before(&self, run: &Run, at: SimTime) -> usize {
        let frames = run.evidence().captured(self.point());
        frames.partition_point(|frame| frame.at < at)
    }
}

/// What was seen from `from` until now.
fn past(
    session: &mut Session,
    capture: &Capture,
    from: SimTime,
    pipe: &mut Pipe,
) -> Result<(), Failure> {
    let run = session.run_with_evidence()?;
    let limit = capture.count.unwrap_or(u64::MAX);
    for frame in capture
        .passing(run, capture.before(run, from))
        .take(limit as usize)
    {
        pipe.write(frame)?;
    }
    Ok(())
}

/// Runs time ahead until `duration` is over or the last wanted packet was seen. A copy of the run
/// finds the moment; the session then goes there in one step, and the journal holds that moment.
fn run_ahead(
    session: &mut Session,
    capture: &Capture,
    from: Option<SimTime>,
    duration: SimDuration,
    pipe: &mut Pipe,
) -> Result<(), Failure> {
    let mut ahead = session.run_with_evidence()?.clone();
    let start = ahead.now();
    let end = start + duration;
    let skip = capture.before(&ahead, from.unwrap_or(start));
    let wanted = capture.count.and_then(|count| usize::try_from(count).ok());
    loop {
        let seen = capture
            .passing(&ahead, skip)
            .take(wanted.unwrap_or(usize::MAX))
            .count();
        if wanted.is_some_and(|wanted| seen >= wanted) || ahead.now() >= end {
            break;
        }
        let next = (ahead.now() + STEP).min(end);
        ahead.advance(next).map_err(Failure::internal)?;
    }
    let frames: Vec<_> = capture
        .passing(&ahead, skip)
        .take(wanted.unwrap_or(usize::MAX))
        .collect();
    let complete = wanted.is_some_and(|wanted| frames.len() >= wanted);
    let reached = if complete {
        frames.last().map_or(start, |last| last.at)
    } else {
        end
    };
    if reached > session.now() {
        session.advance(reached)?;
        session.write_evidence()?;
    }
    for frame in frames {
        pipe.write(frame)?;
    }
    if wanted.is_some() && !complete {
        output::note(&format!(
            "gave up after {duration} of virtual time; it is now {reached}"
        ));
    }
    Ok(())
}
