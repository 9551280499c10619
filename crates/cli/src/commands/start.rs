//! `wirelab start`: a lab.

use std::path::{Path, PathBuf};

use wirelab_model::Seed;
use wirelab_session::{Content, Session};

use crate::args::TEMPLATE;
use crate::commands::status;
use crate::failure::{Code, Failure};
use crate::folder::{Course, Drawn};
use crate::{content, folder, output, print};

/// Start a lab, or go on with it
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab start nat-return-path
  wirelab start nat-return-path --again     a fresh seed: another fault, other addresses

")]
pub(crate) struct Arguments {
    /// The lab; `wirelab list` shows them
    #[arg(value_name = "LAB")]
    lab: String,
    /// The seed; the same number gives the same lab
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Put the present run aside and start over with a fresh seed; where the seed stays, as in a
    /// course that has drawn one for you, its journal goes on: hints and predictions count
    #[arg(long)]
    again: bool,
}

impl Arguments {
    /// `wirelab start LAB`.
    pub(crate) const fn of(lab: String) -> Self {
        Self {
            lab,
            seed: None,
            again: false,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let content = content::find()?;
    let lab = &arguments.lab;
    folder::known_lab(&content, lab)?;
    if arguments.again {
        refuse_below(lab)?;
    }
    let course = match Course::find()? {
        Some(course) => Course::set(course.folder(), lab, course.drawn().clone())?,
        None if Session::find(&std::env::current_dir()?).is_some() => {
            folder::refuse_in_sandbox()?;
            Course::set(&course_to_be()?, lab, Drawn::default())?
        }
        None => Course::set(&course_to_be()?, lab, Drawn::default())?,
    };
    let folder = course.lab_folder(lab);
    // Again is with another one, unless it is a learner's own.
    let own = match arguments.again {
        true => course.enrolled().map(|it| it.seed(lab)),
        false => course.drawn().seed(lab),
    };
    let seed = arguments.seed.or(own);
    let is_there = Session::find(&folder).is_some_and(|found| found == folder);
    let mut session = match (is_there, arguments.again) {
        (true, false) => return go_on(arguments, &folder),
        (true, true) => start_over(&folder, &content, lab, seed)?,
        (false, _) => folder::create(&folder, &content, lab, seed)?,
    };
    output::ticket(&status::print(&mut session)?)?;
    folder::warn_of_lies(&session, &content);
    folder::bound::note_started(&folder)?;
    Ok(Code::Passed)
}

/// Outside a course, the current folder becomes one; but a lab folder is no place for others.
fn course_to_be() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?;
    Ok(match Session::find(&here) {
        Some(lab) => lab.parent().map_or(here, Path::to_owned),
        None => here,
    })
}

fn go_on(arguments: &Arguments, folder: &Path) -> Result<Code, Failure> {
    let mut session = folder::open_in(folder)?;
    let running = session.plan().seed.fault;
    if arguments.seed.is_some_and(|seed| seed != running) {
        return Err(
            Failure::usage(format!("`{}` runs with seed {running}", arguments.lab))
                .hint("`--again` puts that run aside and starts over"),
        );
    }
    output::ticket(&status::print(&mut session)?)?;
    folder::bound::note_started(folder)?;
    Ok(Code::Passed)
}

/// The lab anew, with what was there put aside. What somebody has paid for and predicted on a seed
/// they know on that seed ever after: if it stays, so does the journal.
fn start_over(
    folder: &Path,
    content: &Content,
    lab: &str,
    seed: Option<u64>,
) -> Result<Session, Failure> {
    let earlier = Session::open(folder, content).ok();
    let same = earlier.filter(|it| Some(it.plan().seed) == seed.map(Seed::whole));
    let Some(mut session) = same else {
        let aside = put_aside(folder, &[])?;
        let aside = print::relative(&aside);
        output::note(&format!("the earlier run is in {aside}"));
        return folder::create(folder, content, lab, seed);
    };
    session.reset()?;
    let aside = put_aside(folder, &[".wirelab", "evidence"])?;
    session.renew_files()?;
    let aside = print::relative(&aside);
    output::note(&format!(
        "the seed is the same, so the journal goes on, with hints and predictions; the earlier \
         answers are in {aside}"
    ));
    Ok(session)
}

/// A shell in `LAB/answers` would find itself in the earlier run.
fn refuse_below(lab: &str) -> Result<(), Failure> {
    let here = std::env::current_dir()?;
    match Session::find(&here) {
        Some(folder) if folder != here && folder.ends_with(lab) => {
            let here = here.display();
            let folder = folder.display();
            Err(
                Failure::usage(format!("{here} belongs to the run that is put aside"))
                    .hint(format!("cd {folder} && wirelab start {lab} --again")),
            )
        }
        _ => Ok(()),
    }
}

/// Moves what is in the folder of an earlier run, but for `kept`, to `LAB.1`, `LAB.2`, ... The
/// folder itself stays: shells may be in it.
fn put_aside(folder: &Path, kept: &[&str]) -> Result<PathBuf, Failure> {
    let aside = (1_u32..)
        .map(|number| folder.with_extension(number.to_string()))
        .find(|path| !path.exists())
        .expect("numbers do not end");
    std::fs::create_dir(&aside)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.retain(|name| !kept.iter().any(|kept| name == kept));
    // The journal goes last: until then the run is still here, and its way can be gone again.
    names.sort_by_key(|name| name == ".wirelab");
    for name in names {
        std::fs::rename(folder.join(&name), aside.join(&name))?;
    }
    Ok(aside)
}
