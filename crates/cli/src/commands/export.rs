//! `wirelab export`: results in the forms that other programs read.

mod forms;
mod learners;

use std::path::{Path, PathBuf};

use clap::{ValueEnum, ValueHint};
use serde_json::{Value, json};

use crate::args::TEMPLATE;
use crate::commands::grade::{ENDING, Roster};
use crate::failure::{Code, Failure};
use crate::output;

/// Write the results of `wirelab grade --out` for a grade book, CI or a spreadsheet
///
/// What was not graded has no score anywhere: an empty cell, an error, no file.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab export results/ --to csv > grades.csv
  wirelab export results/ --to learners --roster names.txt > sums.csv
  wirelab export results/ --to junit > results.xml
  wirelab export results/ --to gradescope --out gradescope/

")]
pub(crate) struct Arguments {
    /// The folder that `wirelab grade --out` has filled
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// The form
    #[arg(long, value_enum, value_name = "FORM")]
    to: Form,
    /// For `learners`: the names of the course, one a line, in the order of the rows
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    roster: Option<PathBuf>,
    /// For `gradescope`: the folder that gets SUBMISSION/results.json for each
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// A form of results.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A results.json for each submission, as Gradescope's autograders write it
    Gradescope,
    /// A row for each submission, a column for each task
    Csv,
    /// A row for each learner: the sum, and a column for each lab
    Learners,
    /// A test suite for each submission, a test case for each condition
    Junit,
    /// All results in one document
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if arguments.out.is_some() && arguments.to != Form::Gradescope {
        return Err(
            Failure::usage("`--out` is for `--to gradescope`, which makes many files")
                .hint("any other form is printed: `> FILE` keeps it"),
        );
    }
    let results = results(&arguments.folder)?;
    match arguments.to {
        Form::Csv => output::text(&forms::csv(&results))?,
        Form::Learners => {
            let roster = arguments.roster.as_deref().map(Roster::read).transpose()?;
            let (table, notes) = learners::table(&results, roster.as_ref());
            output::text(&table)?;
            notes.iter().for_each(|note| output::note(note));
        }
        Form::Junit => output::text(&forms::junit(&results))?,
        Form::Json => output::json(&json!({ "results": results }))?,
        Form::Gradescope => gradescope(&results, arguments.out.as_deref())?,
    }
    Ok(Code::Passed)
}

/// The results in a folder that `wirelab grade --out` has filled, by name.
pub(crate) fn results(folder: &Path) -> Result<Vec<Value>, Failure> {
    let mut results = Vec::new();
    read(folder, &mut results)?;
    results.sort_by(|a, b| forms::text(&a["file"]).cmp(forms::text(&b["file"])));
    if results.is_empty() {
        let shown = folder.display();
        return Err(Failure::usage(format!("there are no results in {shown}"))
            .hint("make them with `wirelab grade SUBMISSIONS --out FOLDER`"));
    }
    Ok(results)
}

fn gradescope(results: &[Value], out: Option<&Path>) -> Result<(), Failure> {
    let Some(out) = out else {
        return Err(Failure::usage("each submission gets a file of its own")
            .hint("say where to: --out FOLDER"));
    };
    for result in results {
        let file = forms::text(&result["file"]);
        let Some(form) = forms::gradescope(result) else {
            let why = wirelab_query::visible(forms::text(&result["reason"]));
            output::note(&format!("{file}: {why}"));
            continue;
        };
        let folder = out.join(file.strip_suffix(".json").unwrap_or(file));
        let path = folder.join("results.json");
        let failed = |error| Failure::environment(format!("{}: {error}", path.display()));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let text = serde_json::to_string_pretty(&form).map_err(Failure::internal)?;
        std::fs::write(&path, text + "\n").map_err(failed)?;
    }
    Ok(())
}

/// The results below a folder.
fn read(folder: &Path, results: &mut Vec<Value>) -> Result<(), Failure> {
    let failed = |error| Failure::usage(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            read(&path, results)?;
        } else if path.to_string_lossy().ends_with(ENDING) {
            let damaged = |error| Failure::usage(format!("{}: {error}", path.display()));
            let octets = std::fs::read(&path)?;
            results.push(serde_json::from_slice(&octets).map_err(damaged)?);
        }
    }
    Ok(())
}
