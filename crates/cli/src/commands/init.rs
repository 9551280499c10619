//! `wirelab init`: a course folder with the first lab.

use std::path::{Path, PathBuf};

use wirelab_session::Content;

use crate::args::TEMPLATE;
use crate::failure::{Code, Failure};
use crate::folder::{Course, Drawn, Enrolled};
use crate::{content, folder, output};

/// Create a course folder and start its first lab
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab init && cd wirelab && wirelab
  wirelab init team-red --lab nacl-ephemeral --seed 7
  wirelab init net-201 --course k3y-0f-the-c0urse --learner ada@example.com

")]
pub(crate) struct Arguments {
    /// The folder to make
    #[arg(value_name = "FOLDER", default_value = "wirelab")]
    folder: PathBuf,
    /// The lab to begin with; the course's first by default
    #[arg(long, value_name = "LAB")]
    lab: Option<String>,
    /// What the seed draws is yours: fault, addresses, traffic. The same number gives the same lab,
    /// and later labs of the folder are drawn from it as well
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The code of the course that you take: every learner gets other faults and addresses
    #[arg(
        long,
        value_name = "CODE",
        value_parser = folder::word,
        requires = "learner",
        conflicts_with = "seed"
    )]
    course: Option<String>,
    /// Who you are in that course, as your instructor writes it
    #[arg(long, value_name = "NAME", value_parser = folder::word, requires = "course")]
    learner: Option<String>,
}

impl Arguments {
    fn enrolled(&self) -> Option<Enrolled> {
        Some(Enrolled {
            course: self.course.clone()?,
            learner: self.learner.clone()?,
        })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let content = content::find()?;
    let (shown, folder) = (&arguments.folder, &folder::resolved(&arguments.folder)?);
    let lab = match &arguments.lab {
        Some(lab) => lab.clone(),
        None => first_lab(&content)?,
    };
    folder::known_lab(&content, &lab)?;
    refuse_nested(shown, folder)?;
    refuse_used(shown, folder)?;
    // A lab with mistakes leaves nothing behind: no course, and no folder that was not there.
    let was_there = folder.exists();
    std::fs::create_dir_all(folder)?;
    let drawn = Drawn {
        enrolled: arguments.enrolled(),
        seed: arguments.seed,
    };
    let session = folder::create(&folder.join(&lab), &content, &lab, drawn.seed(&lab));
    let session = session.inspect_err(|_| {
        let made = if was_there {
            folder.join(&lab)
        } else {
            folder.clone()
        };
        let _ = std::fs::remove_dir_all(made);
    })?;
    Course::set(folder, &lab, drawn)?;
    folder::warn_of_lies(&session, &content);
    let shown = shown.display();
    output::text(&format!(
        "{shown}/ is ready, with the lab `{lab}` in {shown}/{lab}/\n\n\
         next:  cd {shown} && wirelab\n"
    ))?;
    Ok(Code::Passed)
}

fn first_lab(content: &Content) -> Result<String, Failure> {
    let course = content.course()?;
    let first = course.labs().next().map(str::to_owned);
    first.ok_or_else(|| Failure::usage(format!("{} holds no labs", content.root().display())))
}

/// A course in a course would hide the outer one's labs.
fn refuse_nested(shown: &Path, folder: &Path) -> Result<(), Failure> {
    let Some(outer) = folder.parent().and_then(folder::course_above) else {
        return Ok(());
    };
    let (shown, outer) = (shown.display(), outer.display());
    Err(Failure::usage(format!(
        "`{shown}` would be inside the course folder {outer}"
    ))
    .hint("`wirelab start LAB` starts another lab of this course; `wirelab list` shows them")
    .hint("a second course goes elsewhere: `wirelab init FOLDER` with a folder outside"))
}

/// Nobody's files are mixed with ours.
fn refuse_used(shown: &Path, folder: &Path) -> Result<(), Failure> {
    let shown = shown.display();
    let used = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(Failure::usage(format!("{shown}: {error}"))),
    };
    if !used {
        return Ok(());
    }
    Err(
        Failure::usage(format!("`{shown}` is not empty")).hint(format!(
            "`cd {shown} && wirelab start LAB` starts a lab there; `wirelab init FOLDER` takes \
         another folder"
        )),
    )
}
