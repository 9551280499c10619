//! `cargo xtask parity`: machines held against captures of a real kernel.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wirelab_testkit::parity::{self, Report};

/// Which situations.
#[derive(Args)]
pub(crate) struct Parity {
    /// Manifests; `tests/golden/kernel/README.md` describes the format.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print both sides, one packet a line, and compare nothing.
    #[arg(long)]
    print: bool,
}

impl Parity {
    pub(crate) fn run(&self) -> ExitCode {
        let mut reports: Vec<Report> = Vec::new();
        let mut broken = false;
        for file in &self.files {
            if self.print {
                match parity::print(file) {
                    Ok(text) => print!("{text}"),
                    Err(error) => {
                        eprintln!("{error}");
                        broken = true;
                    }
                }
                continue;
            }
            match parity::hold(file) {
                Ok(report) => reports.push(report),
                Err(error) => {
                    eprintln!("{error}");
                    broken = true;
                }
            }
        }
        if !self.print {
            print!("{}", parity::table(&reports));
        }
        if !broken && reports.iter().all(Report::holds) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
