//! Which folder a command acts on.
//!
//! A lab folder is a session. A course folder holds several, and says which is the current one:
//! commands in it act on that one. Its file, `.wirelab/course.json`, is all that makes it one.
//!
//! A shell with an endpoint is about the endpoint's session wherever one stands ([`bound`]).

pub(crate) mod bound;

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wirelab_model::Seed;
use wirelab_session::{Content, Session, SessionError};

use crate::failure::Failure;
use crate::{content, output};

const COURSE_FILE: &str = ".wirelab/course.json";

/// What a course folder remembers.
#[derive(Serialize, Deserialize)]
struct CourseFile {
    format: u32,
    current: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enrolled: Option<Enrolled>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

/// What the labs of a course folder are drawn from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// Who learns here.
    pub(crate) enrolled: Option<Enrolled>,
    /// The number that was given for all labs.
    pub(crate) seed: Option<u64>,
}

impl Drawn {
    /// The seed of a lab; `None`: any.
    pub(crate) fn seed(&self, lab: &str) -> Option<u64> {
        let own = self.enrolled.as_ref().map(|it| it.seed(lab));
        own.or(self.seed)
    }
}

/// Who learns here, in a course whose seeds are drawn for each learner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enrolled {
    /// The course's code.
    pub(crate) course: String,
    /// The learner, as the instructor knows them.
    pub(crate) learner: String,
}

impl Enrolled {
    /// What the learner's network of `lab` is drawn from.
    pub(crate) fn seed(&self, lab: &str) -> u64 {
        wirelab_grader::variant::seed(&self.course, &self.learner, lab)
    }

    /// Whether a run has the seed that the course has drawn for who learns here.
    pub(crate) fn has_drawn(&self, session: &Session) -> bool {
        session.plan().seed == Seed::whole(self.seed(&session.lab().name))
    }
}

/// A course's code or a learner's name, as an option takes it.
pub(crate) fn word(text: &str) -> Result<String, String> {
    let word = wirelab_grader::variant::word(text);
    word.map(|()| text.to_owned())
        .map_err(|why| format!("it {why}"))
}

/// A folder with lab folders in it.
pub(crate) struct Course {
    folder: PathBuf,
    current: String,
    drawn: Drawn,
}

impl Course {
    /// The course folder in or above the current one.
    pub(crate) fn find() -> Result<Option<Self>, Failure> {
        let here = std::env::current_dir()?;
        Self::above(&here)
    }

    /// The course folder that `folder` is in.
    pub(crate) fn above(folder: &Path) -> Result<Option<Self>, Failure> {
        let Some(folder) = course_above(folder) else {
            return Ok(None);
        };
        let path = folder.join(COURSE_FILE);
        let text = std::fs::read_to_string(&path)?;
        let file: CourseFile = serde_json::from_str(&text).map_err(|error| {
            Failure::usage(format!("{}: {error}", path.display()))
                .hint("delete the file and run `wirelab start LAB` to make it again")
        })?;
        Ok(Some(Self {
            folder: folder.to_owned(),
            current: file.current,
            drawn: Drawn {
                enrolled: file.enrolled,
                seed: file.seed,
            },
        }))
    }

    /// Makes `folder` a course folder whose current lab is `lab`, or changes the current lab.
    pub(crate) fn set(folder: &Path, lab: &str, drawn: Drawn) -> Result<Self, Failure> {
        let path = folder.join(COURSE_FILE);
        std::fs::create_dir_all(path.parent().expect("the file is in a folder"))?;
        let file = CourseFile {
            format: 1,
            current: lab.to_owned(),
            enrolled: drawn.enrolled.clone(),
            seed: drawn.seed,
        };
        let text = serde_json::to_string(&file).map_err(Failure::internal)?;
        let temporary = path.with_extension("json.new");
        std::fs::write(&temporary, text + "\n")?;
        std::fs::rename(&temporary, &path)?;
        Ok(Self {
            folder: folder.to_owned(),
            current: lab.to_owned(),
            drawn,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn current(&self) -> &str {
        &self.current
    }

    /// Who learns here; `None`: anybody, with any seed.
    pub(crate) const fn enrolled(&self) -> Option<&Enrolled> {
        self.drawn.enrolled.as_ref()
    }

    /// What its labs are drawn from.
    pub(crate) const fn drawn(&self) -> &Drawn {
        &self.drawn
    }

    pub(crate) fn lab_folder(&self, lab: &str) -> PathBuf {
        self.folder.join(lab)
    }
}

/// The course folder that `folder`, which need not exist, is or would be in.
pub(crate) fn course_above(folder: &Path) -> Option<&Path> {
    folder
        .ancestors()
        .find(|folder| folder.join(COURSE_FILE).is_file())
}

/// Where a folder that need not exist is, from the root, without links and `..`: what is above it
/// is then to be seen in its name.
pub(crate) fn resolved(folder: &Path) -> std::io::Result<PathBuf> {
    let mut whole = PathBuf::new();
    for component in std::path::absolute(folder)?.components() {
        match component {
            Component::ParentDir => drop(whole.pop()),
            other => whole.push(other),
        }
        if let Ok(real) = whole.canonicalize() {
            whole = real;
        }
    }
    Ok(whole)
}

/// The folder of the session that a command acts on, if there is one: that of this shell's
/// endpoint, or else the one that the caller stands in.
pub(crate) fn session_folder() -> Result<Option<PathBuf>, Failure> {
    match bound::folder()? {
        Some(folder) => Ok(Some(folder)),
        None => here(),
    }
}

/// The session whose folder the caller stands in, or the current one of the course.
pub(crate) fn here() -> Result<Option<PathBuf>, Failure> {
    if let Some(folder) = Session::find(&std::env::current_dir()?) {
        return Ok(Some(folder));
    }
    let course = Course::find()?;
    Ok(course.and_then(|it| Session::find(&it.lab_folder(it.current()))))
}

/// Opens the session that a command acts on.
pub(crate) fn open() -> Result<Session, Failure> {
    let folder = session_folder()?;
    bound::note_elsewhere()?;
    open_in(&folder.ok_or_else(no_folder)?)
}

/// There is nothing to act on.
pub(crate) fn no_folder() -> Failure {
    Failure::usage("there is no lab folder here")
        .hint("`wirelab init` makes one; `wirelab list` shows the labs")
}

/// Fails in a sandbox: it has no tasks, and so none of `what`.
pub(crate) fn refuse_without_tasks(session: &Session, what: &str) -> Result<(), Failure> {
    if !session.lab().tasks.is_empty() {
        return Ok(());
    }
    let folder = session.dir().display();
    Err(
        Failure::usage(format!("{folder} is a sandbox, without tasks: {what}"))
            .hint("`wirelab status` shows what there is; `wirelab book sandbox` what one does here")
            .hint("`wirelab init` elsewhere makes a course folder of labs"),
    )
}

/// Fails where a lab would be started because somebody stands in a sandbox: beside it there may be
/// anything, and a course folder is made only when it is asked for.
pub(crate) fn refuse_in_sandbox() -> Result<(), Failure> {
    let Some(folder) = session_folder()? else {
        return Ok(());
    };
    refuse_without_tasks(&open_in(&folder)?, "no lab comes before or after it")
}

/// Whether there is a session to act on.
pub(crate) fn is_lab() -> Result<bool, Failure> {
    Ok(session_folder()?.is_some())
}

/// Opens the session in `folder`; says so if that takes long because somebody else works on it.
pub(crate) fn open_in(folder: &Path) -> Result<Session, Failure> {
    let content = content::find()?;
    Session::open_or_wait(folder, &content, Some(wait)).map_err(|error| {
        // A folder that was moved away from its labs looks like one whose lab is gone.
        let is_unknown = matches!(error, SessionError::UnknownLab { .. });
        let failure = Failure::from(error);
        match is_unknown {
            true => failure.hint(content::looked_in(&content)),
            false => failure,
        }
    })
}

/// How often one tries to get at a session that another command works on.
const EVERY: Duration = Duration::from_millis(20);
/// So many times one waits in silence: a second.
const SILENT: u32 = 50;

fn wait(turn: u32, holder: Option<u32>) {
    if turn == SILENT {
        let who = holder.map_or_else(String::new, |pid| format!(" (pid {pid})"));
        output::note(&format!(
            "waiting for another wirelab command{who} to finish"
        ));
    }
    std::thread::sleep(EVERY);
}

/// Starts `lab` in `folder`.
pub(crate) fn create(
    folder: &Path,
    content: &Content,
    lab: &str,
    seed: Option<u64>,
) -> Result<Session, Failure> {
    let seed = Seed::whole(seed.unwrap_or_else(fresh_seed));
    Ok(Session::create(folder, content, lab, seed)?)
}

/// A number nobody chose, short enough to be told to a colleague.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() % 1_000_000
}

/// Fails with a suggestion unless `lab` is one of the labs.
pub(crate) fn known_lab(content: &Content, lab: &str) -> Result<(), Failure> {
    let labs = content.labs()?;
    if labs.iter().any(|known| known == lab) {
        return Ok(());
    }
    let names: Vec<_> = labs.iter().map(String::as_str).collect();
    Err(Failure::usage(format!("there is no lab `{lab}`"))
        .did_you_mean(lab, &names)
        .hint("`wirelab list` shows the labs")
        .hint(content::looked_in(content)))
}

/// Says where a lab of somebody's own does not do what its scenario says of itself: its chapters
/// and hints would be wrong. The built-in ones are proven.
pub(crate) fn warn_of_lies(session: &Session, content: &Content) {
    if content::is_built_in(content) {
        return;
    }
    let opens_at = session.lab().opens_at;
    match wirelab_grader::author::broken_expectations(session.plan(), opens_at) {
        Err(error) => output::note(&format!("warning: {error}")),
        Ok(lines) => {
            for line in lines {
                output::note(&format!(
                    "warning: the scenario is not what it says of itself: {line}"
                ));
            }
        }
    }
}
