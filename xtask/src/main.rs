//! What developers run: `cargo xtask swarm`, `cargo xtask mutants` and `cargo xtask parity`.

mod mutants;
mod parity;
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
    /// Holds machines against captures of a real kernel.
    Parity(parity::Parity),
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Swarm(swarm) => swarm.run(),
        Task::Mutants(mutants) => mutants.run(),
        Task::Parity(parity) => parity.run(),
    }
}
