//! Machines held against captures of a real kernel.
//!
//! A [`Manifest`] describes a situation: machines with their kernels and settings, links with MTU,
//! delay and loss, what programs do and when; and captures of the same situation taken from Linux.
//! [`hold`] plays the situation with machines of the simulator, and compares what a capture point
//! saw, packet by packet. Whatever differs is either explained by the manifest or fails.
//!
//! | file | what |
//! | --- | --- |
//! | `manifest` | the file format |
//! | `capture` | reading captures |
//! | `network` | machines, links, losses, virtual time |
//! | `nat`, `names` | a NAT device with a short memory, a name server |
//! | `play` | programs and commands |
//! | `observe` | packets in the form in which they are compared |
//! | `compare` | alignment and differences |
//! | `report` | the table |
//! | `ipv6` | the same situation over IPv6 |
//!
//! The format is described beside the captures, in `tests/golden/kernel/README.md`.

mod build;
mod capture;
mod compare;
mod ipv6;
mod manifest;
mod names;
mod nat;
mod network;
mod observe;
mod play;
mod report;

use std::fmt;
use std::path::Path;

pub use compare::{Difference, Judged};
pub use ipv6::differences_over_ipv6;
pub use manifest::Manifest;
pub use report::{Report, table};

/// Why a manifest cannot be held.
#[derive(Debug)]
pub struct ParityError(String);

impl ParityError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn at(path: &Path, error: impl fmt::Display) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for ParityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParityError {}

/// Plays the situation of a manifest and compares it with its captures.
///
/// # Errors
/// A manifest or capture that cannot be read, a name that nothing has, a command that is refused.
pub fn hold(path: &Path) -> Result<Report, ParityError> {
    let manifest = Manifest::read(path)?;
    let played = play::play(&manifest)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut report = Report::new(path, &manifest);
    for held in &manifest.hold {
        let (host, interface) = manifest::point(&held.point);
        let ours = played.captured(host, interface)?;
        let file = manifest::capture_path(folder, &held.file);
        let kernel = capture::read(&file)?;
        let judged = compare::compare(held, &manifest.explained, &kernel, ours)?;
        report.add(held, judged);
    }
    report.add_outcomes(played.outcomes);
    Ok(report)
}

/// Both sides of a comparison as text, one packet a line: for writing a manifest.
///
/// # Errors
/// As [`hold`].
pub fn print(path: &Path) -> Result<String, ParityError> {
    let manifest = Manifest::read(path)?;
    let played = play::play(&manifest)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut text = String::new();
    for held in &manifest.hold {
        let (host, interface) = manifest::point(&held.point);
        let kernel = capture::read(&manifest::capture_path(folder, &held.file))?;
        let ours = played.captured(host, interface)?;
        text += &format!("== {} at {}\n", held.file, held.point);
        for (side, packets) in [("kernel", &kernel[..]), ("wirelab", ours)] {
            for seen in observe::observe(held, packets)? {
                text += &format!("{side:<8}{seen}\n");
            }
        }
    }
    Ok(text)
}
