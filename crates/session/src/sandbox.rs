//! The sandbox: a session on empty accounts, in which people build networks of their own.
//!
//! It is a lab like the others whose files are in the program: no tasks, and a scenario that has
//! two accounts with default VPCs and nothing else. So whatever works in a lab works in it.

use std::path::Path;

use wirelab_scenario::{ContentErrors, Lab, Scenario, Source};

/// The name of lab and scenario.
pub(crate) const NAME: &str = "sandbox";

/// The page.
pub(crate) const PAGE: &str = include_str!("sandbox/README.md");

/// The lab.
pub(crate) fn lab() -> Lab {
    Lab::without_tasks(NAME, "An empty account to build in")
}

/// The scenario.
///
/// # Errors
/// None in a build whose tests have passed.
pub(crate) fn scenario() -> Result<Scenario, ContentErrors> {
    let text = include_str!("sandbox/scenario.toml");
    let source = Source::new("sandbox/scenario.toml", text);
    Scenario::parse(Path::new(NAME), &source)
}
