//! `wirelab shell`: a shell whose `aws` speaks to the simulated network.
//!
//! The endpoint lives as long as the shell. What the shell is given, and what keeps an `aws` in it
//! from ever reaching a real account, is [`surroundings`]' business; `wirelab env` gives the same
//! to a shell that is there already.

pub(crate) mod before;
pub(crate) mod gone;
mod shelf;
pub(crate) mod surroundings;
pub(crate) mod syntax;
mod tools;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use clap::ValueEnum;
use wirelab_aws_api::{Endpoint, Server, about};
use wirelab_model::UnixTime;

use crate::args::TEMPLATE;
use crate::commands::shell::surroundings::Surroundings;
use crate::failure::{Code, Failure};
use crate::{content, folder, output, when};

/// Start a shell in which `aws`, boto3 and every SDK speak to the simulated network
///
/// `date` tells the lab's time there. Keys, settings and addresses of real accounts are left out of
/// it; several shells may work on one lab.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab shell                                    $SHELL, with the lab's time in its prompt
  wirelab shell aws ec2 describe-network-acls      one command, and its exit code
  eval \"$(wirelab env)\"                            the same for the shell you are in

")]
pub(crate) struct Arguments {
    /// A command to run in place of a shell
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
    #[command(flatten)]
    manner: Manner,
    /// Answer a question of the shell's own programs
    #[arg(
        long,
        hide = true,
        value_enum,
        requires = "port",
        conflicts_with = "command"
    )]
    ask: Option<Question>,
    /// Where the endpoint listens
    #[arg(long, hide = true, value_name = "PORT")]
    port: Option<u16>,
}

/// How the endpoint answers: what it makes of signatures, and of time.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Manner {
    /// Refuse requests whose signature is not that of their key, or is too old
    #[arg(long)]
    pub(crate) strict: bool,
    /// Let virtual time follow the wall clock while the endpoint runs: for programs that wait
    #[arg(long, value_enum, value_name = "PACE")]
    pub(crate) pace: Option<Pace>,
}

/// What virtual time goes by.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// The wall clock; what a call starts takes as long as in AWS.
    Real,
}

/// Which session is served, and where.
pub(crate) struct Place<'p> {
    /// Its folder.
    pub(crate) folder: &'p Path,
    /// The port; 0 is any that is free.
    pub(crate) port: u16,
    pub(crate) manner: Manner,
}

/// What `aws`, `date` and the prompt of the shell want to know.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Question {
    /// Whether the endpoint answers.
    Ping,
    /// Virtual UTC in seconds since the Unix epoch.
    Clock,
    /// What stands in front of the prompt.
    Prompt,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if let (Some(question), Some(port)) = (arguments.ask, arguments.port) {
        return answer(question, port);
    }
    let folder = folder::session_folder()?.ok_or_else(folder::no_folder)?;
    folder::bound::note_elsewhere()?;
    let place = Place {
        folder: &folder,
        port: arguments.port.unwrap_or(0),
        manner: arguments.manner,
    };
    run_in(&place, None, &arguments.command)
}

/// Runs a command, or a shell, beside an endpoint; the shell begins in `home` if that is named.
pub(crate) fn run_in(
    place: &Place<'_>,
    home: Option<&Path>,
    words: &[String],
) -> Result<Code, Failure> {
    let server = serve(place)?;
    let surroundings = Surroundings::of(&server)?;
    let mut command = match words.split_first() {
        Some((program, rest)) => {
            let mut command = Command::new(program);
            command.args(rest);
            command
        }
        None => {
            output::note(&surroundings.greeting());
            let mut shell = surroundings.shell();
            if let Some(home) = home {
                shell.current_dir(home);
            }
            shell
        }
    };
    surroundings.put_around(&mut command);
    let stopper = server.server.stopper();
    let serving = thread::spawn(|| server.server.run());
    let status = command.status();
    stopper.stop();
    match serving.join() {
        Ok(served) => served?,
        Err(_) => return Err(Failure::internal("the endpoint's thread panicked")),
    }
    let status = status.map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        Failure::environment(format!("`{program}` cannot be started: {error}"))
    })?;
    // As shells say it of a program that a signal has ended.
    let code = status.code().unwrap_or(128);
    Ok(Code::Program(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Serves in the foreground, until it is stopped.
pub(crate) fn serve_here(place: &Place<'_>) -> Result<Code, Failure> {
    let serving = serve(place)?;
    let surroundings = Surroundings::of(&serving)?;
    output::text(&surroundings.exports(syntax::Syntax::of_parent(), None))?;
    std::io::stdout().flush()?;
    serving.server.run()?;
    Ok(Code::Passed)
}

/// An endpoint of the lab that commands act on, and what its shell must know of the lab.
pub(crate) struct Serving {
    pub(crate) server: Server,
    folder: PathBuf,
    lab: String,
    region: String,
    /// Name and id; the learner's own account first.
    accounts: Vec<(String, String)>,
}

/// Opens the session and listens.
pub(crate) fn serve(place: &Place<'_>) -> Result<Serving, Failure> {
    let port = place.port;
    let session = folder::open_in(place.folder)?;
    let folder = std::path::absolute(session.dir())?;
    let content = content::find()?;
    let caller = session.plan().caller.clone();
    let others = session
        .plan()
        .accounts
        .iter()
        .filter(|it| *it.1 != caller.account);
    let others = others.map(|(name, id)| (name.to_string(), id.to_string()));
    let mut accounts = vec![("default".to_owned(), caller.account.to_string())];
    accounts.extend(others);
    let lab = session.lab().name.clone();
    let mut endpoint = Endpoint::new(session, content).with_strict(place.manner.strict);
    if let Some(Pace::Real) = place.manner.pace {
        let begun = Instant::now();
        endpoint = endpoint.with_pace(move || begun.elapsed());
    }
    let server = Server::bind(endpoint, port).map_err(|error| {
        Failure::environment(format!("127.0.0.1:{port} cannot be listened on: {error}"))
    })?;
    Ok(Serving {
        server,
        folder,
        lab,
        region: caller.region.to_string(),
        accounts,
    })
}

fn answer(question: Question, port: u16) -> Result<Code, Failure> {
    let about = about(port).map_err(|error| {
        Failure::environment(format!("the lab's endpoint does not answer: {error}"))
            .hint("`wirelab shell` starts another, `eval \"$(wirelab env)\"` too")
    });
    match (question, about) {
        (Question::Ping, about) => {
            about?;
            folder::bound::note_elsewhere()?;
            Ok(Code::Passed)
        }
        (Question::Clock, about) => {
            let about = about?;
            output::text(&format!("{}\n", about.utc_seconds)).map(|()| Code::Passed)
        }
        (Question::Prompt, Ok(about)) => {
            // The clock that tickets, records and `date` have.
            let now = when::print_utc(UnixTime::from_secs(about.utc_seconds));
            let clock = now.get(11..).unwrap_or_default();
            output::text(&format!("{} {clock} UTC\n", about.lab)).map(|()| Code::Passed)
        }
        (Question::Prompt, Err(_)) => output::text("no endpoint\n").map(|()| Code::Passed),
    }
}
