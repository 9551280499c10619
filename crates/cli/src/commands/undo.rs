//! `wirelab undo`: take the last step back.

use std::fmt::Write as _;

use wirelab_model::{SimDuration, SimTime, UnixTime};
use wirelab_session::{SessionError, Undone};

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure};
use crate::{folder, output, print as lines};

/// Take the last step back, and the time it took with it
///
/// Steps are API calls and commands on hosts that changed something, and time advanced. Refused
/// calls and commands that only ask something, as a ping, are passed over; they go with the step
/// that they came after. If nothing else is left, the time that commands took is taken back.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab undo               again for the step before; `wirelab reset` for all of them
  wirelab undo --list        the steps that can be taken back, the next one first

")]
pub(crate) struct Arguments {
    /// Show what can be taken back, and take nothing back
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    if arguments.list {
        output::text(&list(&session.undos()))?;
        return Ok(Code::Passed);
    }
    let undone = session.undo()?;
    session.write_evidence()?;
    output::text(&print(&undone, session.plan().starts))?;
    Ok(Code::Passed)
}

/// What can be taken back, the next one first, and how much goes with each.
fn list(undos: &[Undone]) -> String {
    if undos.is_empty() {
        return format!("{}\n", SessionError::NothingToUndo);
    }
    let lines = (1..).zip(undos).map(|(number, undone)| {
        let with = match undone.with.len() {
            0 => String::new(),
            1 => "\n              and a command after it, which changed nothing".to_owned(),
            many => format!("\n              and {many} commands after it, which changed nothing"),
        };
        format!("{number:>3}  {}  {}{with}\n", undone.back_to, undone.what)
    });
    lines.collect()
}

/// All that was taken back, and how far time went back.
fn print(undone: &Undone, starts: UnixTime) -> String {
    let mut text = format!("taken back: {}\n", undone.what);
    for idle in &undone.with {
        writeln!(text, "  and with it, though it changed nothing: {idle}").expect("a string");
    }
    text + &time(undone.from, undone.back_to, starts)
}

fn time(from: SimTime, back_to: SimTime, starts: UnixTime) -> String {
    let nanos = from.since(back_to).as_nanos();
    let back_to = lines::moment(back_to, starts);
    if nanos == 0 {
        return format!("no time went back: it is {back_to}\n");
    }
    // As exact as people read it: seconds, and less only if it is less.
    let unit = if nanos < 1_000_000_000 {
        1_000_000
    } else {
        1_000_000_000
    };
    let span = SimDuration::from_nanos(nanos / unit * unit);
    format!("time went back by {span}: it is {back_to} again\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_taken_back_is_said_and_the_time_that_goes_with_it() {
        let undone = |from| Undone {
            what: "exec app -- sysctl -w net.ipv4.tcp_sack=0".to_owned(),
            with: vec!["exec app -- ip route".to_owned()],
            from,
            back_to: SimTime::from_secs(1500),
        };
        let nine = UnixTime::from_secs(1_709_629_200);
        let instant = print(&undone(SimTime::from_secs(1500)), nine);
        let later = print(&undone(SimTime::from_nanos(1_595_700_000_000)), nine);
        insta::assert_snapshot!(instant + &later, @"
        taken back: exec app -- sysctl -w net.ipv4.tcp_sack=0
          and with it, though it changed nothing: exec app -- ip route
        no time went back: it is 00:25:00 (09:25:00 UTC)
        taken back: exec app -- sysctl -w net.ipv4.tcp_sack=0
          and with it, though it changed nothing: exec app -- ip route
        time went back by 1m35s: it is 00:25:00 (09:25:00 UTC) again
        ");
    }
}
