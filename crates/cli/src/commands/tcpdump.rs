//! `wirelab tcpdump`: the real tcpdump on a simulated host's interface.
//!
//! The expression is compiled here, by libpcap, so that the packet that ends a capture is known;
//! tcpdump gets exactly the packets that pass, and prints them its own way.

mod capture;
mod feed;
mod follow;
mod options;
mod pipe;
mod since;

use wirelab_filter::{Filter, LinkType};
use wirelab_model::{SimDuration, SimTime};
use wirelab_session::{Run, Session};

use crate::args::TEMPLATE;
use crate::commands::advance;
use crate::failure::{Code, Failure, filter_failure};
use crate::hosts::{self, Interface, Service};
use crate::{folder, output};

use capture::{Capture, Position};
use options::{About, Options};
use pipe::Pipe;

/// Time is run ahead in steps of this length, each looked through for the packet that ends it.
const STEP: SimDuration = SimDuration::from_secs(5);

/// Run the real tcpdump, with all its options, on a simulated host's interface
///
/// It starts now and prints packets as other commands move time; `-c N` and `--for 60s` run time
/// ahead; `--since` shows the past up to now. `-i` chooses among a host's interfaces, `-D` lists
/// them, `-i any` takes all, in time order. Everything else goes to tcpdump: `-v`, `-X`, `-A`,
/// `-e`, `-w FILE`, ... and the expression. `-n` is always on: names of simulated addresses are
/// not looked up in the real DNS. An AWS service such as a NAT gateway has no host for tcpdump.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab tcpdump app --since start -nn 'icmp[icmptype] == icmp-unreach'
  wirelab tcpdump app --for 60s -nn -v 'tcp port 5432'
  wirelab tcpdump app -nn -c 3 'tcp[tcpflags] & tcp-syn != 0'
  wirelab tcpdump app -i any --since 09:05 -Q out
  wirelab tcpdump app -nn            in one terminal, while another runs `wirelab exec`

")]
pub(crate) struct Arguments {
    /// The host, or the id of an interface; `wirelab status` lists them
    #[arg(value_name = "HOST")]
    host: String,
    /// `--since TIME`, `--for DURATION`, `--unpredicted` (let the moment of a prediction pass
    /// though nothing was predicted), tcpdump's options, the expression
    #[arg(
        value_name = "OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    options: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let options = Options::parse(&arguments.options)?;
    match options.about {
        Some(About::Version) => return pipe::about("--version"),
        Some(About::Help) => return pipe::about("--help"),
        _ => {}
    }
    let mut session = folder::open()?;
    let found = interfaces(&session, &arguments.host)?;
    match options.about {
        Some(About::Interfaces) => return list_interfaces(&found),
        Some(_) => return list_link_types(&options, &found[0]),
        None => {}
    }
    let capture = capture(&options, found, &arguments.host)?;
    if options.program {
        return Pipe::start(&options, &capture, session.plan().starts)?.end();
    }
    let from = options.since.as_deref();
    let from = from.map(|text| since::parse(text, session.now(), session.plan().starts));
    let from = from.transpose()?;
    let follows = options.follows();
    if follows && follow::is_first() {
        return follow::wait(arguments);
    }
    let ahead = options.runs_ahead();
    let ahead = ahead.map(|duration| Ahead::look(&mut session, &capture, from, duration));
    let ahead = ahead.transpose()?;
    if let Some(ahead) = ahead.as_ref().filter(|_| !options.unpredicted) {
        advance::predicted(&session, ahead.reached)?;
    }
    // Where it starts is decided before it says that it listens.
    let seen = follow::seen(&mut session, &capture)?;
    let mut pipe = Pipe::start(&options, &capture, session.plan().starts)?;
    match (ahead, from) {
        (Some(ahead), _) => ahead.go(&mut session, &capture, &mut pipe)?,
        (None, Some(from)) => past(&mut session, &capture, from, &mut pipe)?,
        (None, None) => follow::until_interrupted(session, &capture, seen, &mut pipe)?,
    }
    pipe.finish()
}

/// The interfaces of a host; what has an interface but no host to log in to is told so.
fn interfaces(session: &Session, host: &str) -> Result<Vec<Interface>, Failure> {
    hosts::find(session, host).map_err(|failure| {
        let services = hosts::services(session);
        let meant: Vec<_> = services.iter().filter(|it| it.is_meant_by(host)).collect();
        let names = |all: &mut dyn Iterator<Item = &Service>| {
            let all = all.map(|it| format!("`{}`", it.name));
            all.collect::<Vec<_>>().join(", ")
        };
        let Some(first) = meant.first() else {
            return match services.is_empty() {
                true => failure,
                false => failure.hint(format!(
                    "AWS's own, where nobody can run tcpdump: {}",
                    names(&mut services.iter())
                )),
            };
        };
        Failure::usage(format!(
            "{}: AWS's, nobody can run tcpdump there",
            names(&mut meant.iter().copied())
        ))
        .hint(format!(
            "flow logs see it: `wirelab query 'filter interfaceId = \"{}\"'`",
            first.network_interface_id
        ))
        .hint(format!(
            "capture on a host behind it, or on the one it talks to: {}",
            hosts::names(session).join(", ")
        ))
    })
}

fn capture(options: &Options, mut found: Vec<Interface>, host: &str) -> Result<Capture, Failure> {
    let link = match options.interface.as_deref() {
        Some("any") => LinkType::LINUX_SLL2,
        Some(name) => {
            found = vec![choose(&found, host, name)?];
            LinkType::ETHERNET
        }
        None => {
            found.truncate(1);
            LinkType::ETHERNET
        }
    };
    Ok(Capture {
        interfaces: found,
        link,
        filter: compile(options, link)?,
        outbound: options.outbound,
        count: options.count,
    })
}

fn compile(options: &Options, link: LinkType) -> Result<Option<Filter>, Failure> {
    let expression = &options.expression;
    if expression.is_empty() {
        return Ok(None);
    }
    let filter = Filter::compile(expression, link).map_err(filter_failure)?;
    // `-d` prints the program alone, and of two processes the first is silent.
    let silent = options.program || (options.follows() && follow::is_first());
    if !silent {
        for lint in wirelab_filter::lints(expression, link) {
            output::note(&format!("note: {lint}"));
        }
    }
    Ok(Some(filter))
}

/// An interface by its name, or by its number in `-D`.
fn choose(found: &[Interface], host: &str, name: &str) -> Result<Interface, Failure> {
    let number = name.parse::<usize>().ok();
    let numbered = number.and_then(|it| found.get(it.checked_sub(1)?));
    let named = found.iter().find(|it| it.name == name);
    named.or(numbered).cloned().ok_or_else(|| {
        let names: Vec<_> = found.iter().map(|it| it.name.as_str()).collect();
        Failure::usage(format!("host `{host}` has no interface `{name}`"))
            .hint(format!("it has: {}", names.join(", ")))
    })
}

/// As `tcpdump -D`, with addresses.
fn list_interfaces(found: &[Interface]) -> Result<Code, Failure> {
    let mut text = String::new();
    for (index, interface) in found.iter().enumerate() {
        let Interface {
            name, addresses, ..
        } = interface;
        let addresses = addresses.join(", ");
        text += &format!("{}.{name} ({addresses}) [Up, Running]\n", index + 1);
    }
    let any = found.len() + 1;
    text += &format!("{any}.any (Pseudo-device that captures on all interfaces) [Up, Running]\n");
    output::text(&text)?;
    Ok(Code::Passed)
}

/// As `tcpdump -L`.
fn list_link_types(options: &Options, first: &Interface) -> Result<Code, Failure> {
    let name = options.interface.as_deref().unwrap_or(&first.name);
    let link = match name {
        "any" => "LINUX_SLL2 (Linux cooked v2)",
        _ => "EN10MB (Ethernet)",
    };
    output::text(&format!(
        "Data link types for {name} (use option -y to set):\n  {link}\n"
    ))?;
    Ok(Code::Passed)
}

/// What was seen from `from` until now.
fn past(
    session: &mut Session,
    capture: &Capture,
    from: SimTime,
    pipe: &mut Pipe,
) -> Result<(), Failure> {
    let run = session.run_with_evidence()?;
    pipe.write(capture, &capture.passing(run, &capture.before(run, from)))
}

/// Time run ahead until a duration is over or the last wanted packet was seen. A copy of the run
/// finds the moment; the session then goes there in one step, and the journal holds that moment.
struct Ahead {
    run: Run,
    /// What was seen before.
    skip: Position,
    duration: SimDuration,
    reached: SimTime,
    /// Whether packets were still wanted when the time was over.
    gave_up: bool,
}

impl Ahead {
    fn look(
        session: &mut Session,
        capture: &Capture,
        from: Option<SimTime>,
        duration: SimDuration,
    ) -> Result<Self, Failure> {
        let mut run = session.run_with_evidence()?.clone();
        let start = run.now();
        let end = start + duration;
        // What was seen at this very moment was seen before this command.
        let skip = match from {
            Some(from) => capture.before(&run, from),
            None => capture.behind(&run),
        };
        let wanted = capture.count.and_then(|count| usize::try_from(count).ok());
        loop {
            let seen = capture.passing(&run, &skip).len();
            if wanted.is_some_and(|wanted| seen >= wanted) || run.now() >= end {
                break;
            }
            let next = (run.now() + STEP).min(end);
            run.advance(next).map_err(Failure::internal)?;
        }
        let frames = capture.passing(&run, &skip);
        let complete = wanted.is_some_and(|wanted| frames.len() >= wanted);
        let reached = if complete {
            frames.last().map_or(start, |last| last.captured.at)
        } else {
            end
        };
        Ok(Self {
            skip,
            duration,
            reached,
            gave_up: wanted.is_some() && !complete,
            run,
        })
    }

    fn go(self, session: &mut Session, capture: &Capture, pipe: &mut Pipe) -> Result<(), Failure> {
        let (reached, duration) = (self.reached, self.duration);
        if reached > session.now() {
            session.advance(reached)?;
            session.write_evidence()?;
        }
        pipe.write(capture, &capture.passing(&self.run, &self.skip))?;
        if self.gave_up {
            output::note(&format!(
                "gave up after {duration} of virtual time; it is now {reached}"
            ));
        }
        Ok(())
    }
}
