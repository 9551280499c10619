//! The `wirelab` command.
//!
//! It parses arguments, opens the session, calls one engine and prints; what it prints about
//! packets, records and verdicts is made by the crates below. One sub-command is one file of
//! [`commands`].

mod args;
mod commands;
mod content;
mod failure;
mod output;
mod terminal;

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
    match &cli.command {
        Some(Command::Doctor(args)) => commands::doctor::run(args),
        _ => Err(Failure::internal("skeleton")),
    }
}
