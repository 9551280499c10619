//! `wirelab next`: the next lab of the course.

use crate::args::TEMPLATE;
use crate::commands::{list, start};
use crate::failure::{Code, Failure};
use crate::folder::{self, Course};
use crate::output;

/// Start the first lab of the course that is not solved, or go on with it
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab next

")]
pub(crate) struct Arguments {}

pub(crate) fn run() -> Result<Code, Failure> {
    if Course::find()?.is_none() {
        folder::refuse_in_sandbox()?;
    }
    match list::next()? {
        Some(lab) => start::run(&start::Arguments::of(lab)),
        None => output::text(
            "every lab is solved.  wirelab start LAB --again = one of them with another fault\n",
        )
        .map(|()| Code::Passed),
    }
}
