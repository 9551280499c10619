//! What developers run: `cargo xtask swarm` and `cargo xtask mutants`.

mod mutants;
mod swarm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What developers run.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Plays random worlds and checks what must hold of every one.
    Swarm(swarm::Swarm),
    /// Plants mistakes in a copy of the tree and sees which tests notice.
    Mutants(mutants::Mutants),
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Swarm(swarm) => swarm.run(),
        Task::Mutants(mutants) => mutants.run(),
    }
}
