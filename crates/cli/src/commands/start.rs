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
/// they know on that seed ever after: where it has a run, here or aside, the journal of that goes
/// on.
fn start_over(
    folder: &Path,
    content: &Content,
    lab: &str,
    seed: Option<u64>,
) -> Result<Session, Failure> {
    let seed = seed.map(Seed::whole);
    let run_of_seed = |folder: &Path| {
        let session = Session::open(folder, content).ok()?;
        (session.lab().name == lab && Some(session.plan().seed) == seed).then_some(session)
    };
    let mut session = match run_of_seed(folder) {
        Some(session) => session,
        None => {
            let earlier = put_aside_before(folder)?;
            let earlier = earlier.into_iter().rfind(|it| run_of_seed(it).is_some());
            let aside = put_aside(folder)?;
            let shown = print::relative(&aside);
            output::note(&format!("the earlier run is in {shown}"));
            let Some(earlier) = earlier else {
                return folder::create(folder, content, lab, seed.map(|seed| seed.fault));
            };
            move_all(&earlier, folder)?;
            std::fs::remove_dir(&earlier)?;
            folder::open_in(folder)?
        }
    };
    session.reset()?;
    let answers = folder.join("answers");
    let aside = free(&answers);
    if answers.exists() {
        std::fs::rename(&answers, &aside)?;
    }
    session.renew_files()?;
    let aside = print::relative(&aside);
    output::note(&format!(
        "this seed had been started: its journal goes on, with hints, predictions and what checks \
         gave; the answers of that time are in {aside}, and what is handed in is what is there now"
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

/// The first of `PATH.1`, `PATH.2`, ... that is not there.
fn free(path: &Path) -> PathBuf {
    let mut asides = (1_u32..).map(|number| path.with_extension(number.to_string()));
    let free = asides.find(|it| !it.exists());
    free.expect("numbers do not end")
}

/// The runs that were put aside: one that goes on again has left its number free.
fn put_aside_before(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.parent().unwrap_or(folder))? {
        let path = entry?.path();
        let number = path
            .extension()
            .and_then(|it| it.to_str()?.parse::<u32>().ok());
        let is_ours = path.file_stem() == folder.file_name();
        found.extend(number.filter(|_| is_ours).map(|number| (number, path)));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Moves what is in the folder of an earlier run to `LAB.1`, `LAB.2`, ... The folder itself stays:
/// shells may be in it.
fn put_aside(folder: &Path) -> Result<PathBuf, Failure> {
    let aside = free(folder);
    std::fs::create_dir(&aside)?;
    move_all(folder, &aside)?;
    Ok(aside)
}

fn move_all(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(from)? {
        names.push(entry?.file_name());
    }
    // The journal goes last: until then the run is still here, and its way can be gone again.
    names.sort_by_key(|name| name == ".wirelab");
    for name in names {
        std::fs::rename(from.join(&name), to.join(&name))?;
    }
    Ok(())
}
