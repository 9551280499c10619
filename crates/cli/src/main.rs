//! The `wirelab` command.
//!
//! It parses arguments, opens the session, calls one engine and prints; what it prints about
//! packets, records and verdicts is made by the crates below. One sub-command is one file of
//! [`commands`].

mod args;
mod commands;
mod content;
mod failure;
mod folder;
mod hosts;
mod interrupt;
mod moment;
mod output;
mod pager;
mod print;
mod spark;
mod terminal;
mod when;
mod wrap;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use failure::{Code, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() && asks_for_variables() {
                commands::env::refuse(Code::Usage);
            }
            return misread(&error);
        }
    };
    terminal::set_color(cli.color);
    match run(&cli) {
        Ok(code) => code.into(),
        Err(failure) if failure.is_closed_pipe() => Code::Passed.into(),
        Err(failure) => {
            failure.print();
            if matches!(cli.command, Some(Command::Env(_))) {
                commands::env::refuse(failure.code());
            }
            failure.code().into()
        }
    }
}

/// Whether a command line that cannot be read was to be `wirelab env`: `eval` waits for its words.
fn asks_for_variables() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let at = words.iter().position(|word| word == "env");
    at.is_some_and(|at| at == 0 || words[0].starts_with('-'))
}

/// Help, the version, or a command line that is wrong: said by clap, except that a call in the AWS
/// CLI's spelling is told in ours and that `help --help` is help.
fn misread(error: &clap::Error) -> ExitCode {
    let words = std::env::args_os().skip(1);
    let words: Vec<String> = words.map(|it| it.to_string_lossy().into_owned()).collect();
    let asks = |word: &String| word == "--help" || word == "-h";
    if words.first().is_some_and(|word| word == "help") && words.iter().any(asks) {
        Cli::command().print_help().ok();
        return Code::Passed.into();
    }
    if let Some(at) = words.iter().position(|word| word == "aws")
        && error.kind() == ErrorKind::InvalidSubcommand
    {
        let meant = commands::call::spelling::command(&words[at + 1..]);
        let meant = meant.unwrap_or_else(|| "wirelab call ec2:DescribeInstances".to_owned());
        let failure = Failure::usage("the AWS API is called with `wirelab call`")
            .hint(format!("for example\n  {meant}"))
            .hint("`wirelab call --list` shows the operations");
        failure.print();
        return failure.code().into();
    }
    let call = words.iter().position(|word| word == "call");
    let call = call.filter(|_| error.kind() == ErrorKind::UnknownArgument);
    let meant = call.and_then(|at| commands::call::spelling::command(&words[at + 1..]));
    let Some(meant) = meant else {
        error.print().ok();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    };
    let failure = Failure::usage("`call` takes parameters as `Name=value`, not as options")
        .hint(format!("this call is written\n  {meant}"));
    failure.print();
    failure.code().into()
}

fn run(cli: &Cli) -> Result<Code, Failure> {
    if let Some(folder) = &cli.directory {
        folder::bound::enter(folder)?;
    }
    use commands as c;
    match &cli.command {
        None => c::home::run(),
        Some(Command::Init(arguments)) => c::init::run(arguments),
        Some(Command::List(arguments)) => c::list::run(arguments),
        Some(Command::Next(_)) => c::next::run(),
        Some(Command::Start(arguments)) => c::start::run(arguments),
        Some(Command::Status(arguments)) => c::status::run(arguments),
        Some(Command::Exec(arguments)) => c::exec::run(arguments),
        Some(Command::Tcpdump(arguments)) => c::tcpdump::run(arguments),
        Some(Command::Query(arguments)) => c::query::run(arguments),
        Some(Command::Metrics(arguments)) => c::metrics::run(arguments),
        Some(Command::Path(arguments)) => c::path::run(arguments),
        Some(Command::Reach(arguments)) => c::reach::run(arguments),
        Some(Command::Call(arguments)) => c::call::run(arguments),
        Some(Command::Id(arguments)) => c::id::run(arguments),
        Some(Command::Shell(arguments)) => c::shell::run(arguments),
        Some(Command::Sandbox(arguments)) => c::sandbox::run(arguments),
        Some(Command::Env(arguments)) => c::env::run(arguments),
        Some(Command::Check(arguments)) => c::check::run(arguments),
        Some(Command::Predict(arguments)) => c::predict::run(arguments),
        Some(Command::Note(arguments)) => c::note::run(arguments),
        Some(Command::Hint(arguments)) => c::hint::run(arguments),
        Some(Command::History(arguments)) => c::history::run(arguments),
        Some(Command::Undo(arguments)) => c::undo::run(arguments),
        Some(Command::Reset(arguments)) => c::reset::run(arguments),
        Some(Command::Advance(arguments)) => c::advance::run(arguments),
        Some(Command::Submit(arguments)) => c::submit::run(arguments),
        Some(Command::Replay(arguments)) => c::replay::run(arguments),
        Some(Command::Author(arguments)) => c::author::run(arguments),
        Some(Command::Grade(arguments)) => c::grade::run(arguments),
        Some(Command::Export(arguments)) => c::export::run(arguments),
        Some(Command::Tour(arguments)) => c::tour::run(arguments),
        Some(Command::Book(arguments)) => c::book::run(arguments),
        Some(Command::Doctor(arguments)) => c::doctor::run(arguments),
    }
}
