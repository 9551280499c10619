//! `wirelab sandbox`: empty accounts to build a network in.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wirelab_model::{Seed, UnixTime};
use wirelab_session::{Content, Session};

use crate::args::TEMPLATE;
use crate::commands::shell;
use crate::failure::{Code, Failure};
use crate::{content, folder, moment, output, when};

/// Build a network of your own in empty AWS accounts, with `aws`, boto3 or any SDK, and use it
///
/// A shell as `wirelab shell` starts it, in a folder that is made if it is not there. Every
/// instance is a machine: `wirelab exec`, `path` and `tcpdump` take it by Name tag, id or address.
#[derive(clap::Args)]
#[command(override_usage = "\
wirelab sandbox [OPTIONS] [FOLDER] [-- COMMAND...]
       wirelab sandbox [OPTIONS] --temporary [-- COMMAND...]")]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab sandbox                                  a shell in ./sandbox
  wirelab sandbox my-network -- python3 build.py   one command, and its exit code
  wirelab sandbox --temporary -- pytest            a network that goes with the command
  wirelab sandbox --pace real -- ./wait.sh         time goes by the wall clock
  wirelab sandbox --temporary --start now --pace real -- pytest    scripts with a clock of their own
  wirelab sandbox --serve --port 4566              serve until Ctrl-C; prints the variables

")]
pub(crate) struct Arguments {
    /// The folder of the sandbox
    #[arg(value_name = "FOLDER", default_value = "sandbox")]
    folder: PathBuf,
    /// A folder that is removed again
    #[arg(long, conflicts_with = "folder")]
    temporary: bool,
    /// The same number gives the same ids
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The moment at which a new sandbox begins: `now`, or UTC as `2026-03-05` or
    /// `2026-03-05T09:00:00Z`
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Print the variables for clients, and serve in the foreground
    #[arg(long, conflicts_with = "command")]
    serve: bool,
    /// Listen on this port of 127.0.0.1; any that is free without it
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    manner: shell::Manner,
    /// A command to run in place of a shell
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let temporary = match arguments.temporary {
        true => Some(tempfile::tempdir()?),
        false => None,
    };
    let folder = temporary
        .as_ref()
        .map_or(&*arguments.folder, |it| it.path());
    let starts = arguments.start.as_deref().map(start).transpose()?;
    make(folder, arguments.seed, starts)?;
    let whole = std::path::absolute(folder)?;
    let place = shell::Place {
        folder: &whole,
        port: arguments.port.unwrap_or(0),
        manner: arguments.manner,
    };
    if arguments.serve {
        return shell::serve_here(&place);
    }
    shell::run_in(&place, Some(&whole), &arguments.command)
}

/// When a new sandbox begins.
fn start(text: &str) -> Result<UnixTime, Failure> {
    let moment = match text {
        "now" => jiff::Timestamp::try_from(SystemTime::now())
            .ok()
            .and_then(|now| u64::try_from(now.as_second()).ok())
            .map(UnixTime::from_secs),
        text => moment::date(text),
    };
    // A second at least, and room for the days that go by in it.
    let years = FIRST..LAST;
    moment
        .map(|it| UnixTime::from_secs(it.as_secs()))
        .filter(|it| years.contains(&it.as_secs()))
        .ok_or_else(|| {
            Failure::usage(format!("no sandbox begins at `{text}`")).hint(
                "write `now`, or a moment of UTC from 2000 to 2199: `2026-03-05` or \
                 `2026-03-05T09:00:00Z`",
            )
        })
}

/// Seconds since the epoch: 2000-01-01 and 2200-01-01.
const FIRST: u64 = 946_684_800;
const LAST: u64 = 7_258_118_400;

/// A sandbox that is there has begun.
fn same_start(session: &Session, asked: Option<UnixTime>) -> Result<(), Failure> {
    let began = session.plan().starts;
    if asked.is_none_or(|it| it == began) {
        return Ok(());
    }
    let shown = session.dir().display();
    Err(Failure::usage(format!(
        "{shown}/ began at {} UTC; `--start` is for a new sandbox",
        when::print_utc(began)
    ))
    .hint("another folder, or `--temporary`, is a new one"))
}

/// Makes the sandbox unless it is there.
fn make(folder: &Path, seed: u64, starts: Option<UnixTime>) -> Result<(), Failure> {
    let there = Session::find(folder).filter(|found| found == folder);
    if there.is_some() {
        let session = folder::open_in(folder)?;
        let lab = &session.lab().name;
        if lab == Content::SANDBOX {
            return same_start(&session, starts);
        }
        let shown = folder.display();
        return Err(
            Failure::usage(format!("`{shown}` is the lab `{lab}`, no sandbox"))
                .hint("`wirelab sandbox FOLDER` takes another folder"),
        );
    }
    let (content, seed) = (content::find()?, Seed::whole(seed));
    Session::create_at(folder, &content, Content::SANDBOX, seed, starts)?;
    let shown = folder.display();
    output::note(&format!(
        "{shown}/ is a new sandbox: accounts 123456789012 and 210987654321"
    ));
    Ok(())
}
