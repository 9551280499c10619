//! `wirelab note`: write down what one supposes.

use crate::args::{Json, TEMPLATE};

/// Note what you suppose, beside the moment; `wirelab status` and reports show it
///
/// An undo takes no note back: what was supposed, and when, is worth knowing afterwards.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab note 'the SYN-ACK is lost on the way back: NACL of the database?'
  wirelab note                        all notes so far

")]
pub(crate) struct Arguments {
    /// What you suppose; without it the notes are listed
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    #[command(flatten)]
    json: Json,
}

use crate::failure::{Code, Failure};
use crate::{folder, output, print as lines};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let text = arguments.text.join(" ");
    if !text.trim().is_empty() {
        session.note(text.trim())?;
    }
    let notes = session.notes();
    if arguments.json.json {
        output::json(&notes)?;
    } else if arguments.text.is_empty() {
        let lines = notes.iter().map(lines::note);
        output::text(&lines.collect::<String>())?;
    } else if let Some(note) = notes.last() {
        output::text(&lines::note(note))?;
    }
    Ok(Code::Passed)
}
