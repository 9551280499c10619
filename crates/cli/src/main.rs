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
mod output;
mod print;
mod terminal;
mod when;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;
use failure::{Code, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    terminal::set_color(cli.color);
    match run(&cli) {
        Ok(code) => code.into(),
        Err(failure) if failure.is_closed_pipe() => Code::Passed.into(),
        Err(failure) => {
            failure.print();
            failure.code().into()
        }
    }
}

fn run(cli: &Cli) -> Result<Code, Failure> {
    if let Some(folder) = &cli.directory {
        std::env::set_current_dir(folder).map_err(|error| {
            Failure::usage(format!("cannot enter `{}`: {error}", folder.display()))
        })?;
    }
    use commands as c;
    match &cli.command {
        None => c::home::run(),
        Some(Command::Init(arguments)) => c::init::run(arguments),
        Some(Command::List(arguments)) => c::list::run(arguments),
        Some(Command::Start(arguments)) => c::start::run(arguments),
        Some(Command::Status(arguments)) => c::status::run(arguments),
        Some(Command::Exec(arguments)) => c::exec::run(arguments),
        Some(Command::Tcpdump(arguments)) => c::tcpdump::run(arguments),
        Some(Command::Query(arguments)) => c::query::run(arguments),
        Some(Command::Path(arguments)) => c::path::run(arguments),
        Some(Command::Call(arguments)) => c::call::run(arguments),
        Some(Command::Check(arguments)) => c::check::run(arguments),
        Some(Command::Hint(arguments)) => c::hint::run(arguments),
        Some(Command::Undo(arguments)) => c::undo::run(arguments),
        Some(Command::Reset(arguments)) => c::reset::run(arguments),
        Some(Command::Advance(arguments)) => c::advance::run(arguments),
        Some(Command::Replay(arguments)) => c::replay::run(arguments),
        Some(Command::Author(arguments)) => c::author::run(arguments),
        Some(Command::Doctor(arguments)) => c::doctor::run(arguments),
    }
}
