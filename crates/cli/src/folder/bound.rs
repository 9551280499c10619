//! Shells that are about one session.
//!
//! `aws` in a shell with an endpoint reaches that endpoint's session wherever one stands, so
//! `wirelab` acts on the same: two networks at one prompt would be taken for one. A shell that
//! names a session is about it as one with `GIT_DIR` is about a repository; `-C FOLDER` means
//! another. Who stands in the folder of another lab is told so once.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use wirelab_session::Session;

use super::here;
use crate::commands::shell::before;
use crate::failure::Failure;
use crate::output;

/// The variable that names the folder whose endpoint a shell has.
pub(crate) const SERVED: &str = "WIRELAB_ENDPOINT_FOLDER";

/// The variable that names the file of the folders which this shell was told it is not about.
pub(crate) const TOLD: &str = "WIRELAB_ENDPOINT_TOLD";

/// Whether this command was told its folder by `-C`.
static NAMED: AtomicBool = AtomicBool::new(false);

/// Goes to the folder that the caller has named; the command is about that one.
pub(crate) fn enter(folder: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(folder)
        .map_err(|error| Failure::usage(format!("cannot enter `{}`: {error}", folder.display())))?;
    NAMED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether the shell is about a session, and the caller about no other.
pub(crate) fn is_bound() -> bool {
    served().is_some()
}

/// Has `command`, another of ours, act on what this one acts on.
pub(crate) fn hand_on(command: &mut Command) {
    if !is_bound() {
        command.env_remove(SERVED);
    }
}

fn served() -> Option<PathBuf> {
    let named = NAMED.load(Ordering::Relaxed);
    let served = std::env::var_os(SERVED).filter(|it| !it.is_empty());
    served.filter(|_| !named).map(PathBuf::from)
}

/// The folder of the session that this shell is about.
///
/// # Errors
/// There is no session any more. What stands around the caller is not meant: a script that goes on
/// when its sandbox is gone would work on a lab.
pub(crate) fn folder() -> Result<Option<PathBuf>, Failure> {
    let Some(served) = served() else {
        return Ok(None);
    };
    if Session::find(&served).is_some_and(|found| found == served) {
        return Ok(Some(served));
    }
    let gone = format!(
        "this shell is about {}, and no session is there any more",
        served.display()
    );
    Err(Failure::usage(gone).hint(match before::carried() {
        Some(_) => "`eval \"$(wirelab env --stop)\"` gives the shell back what it had",
        None => "`exit` leaves the shell; `wirelab -C FOLDER ...` acts on the lab in FOLDER",
    }))
}

/// The file for a new shell's [`TOLD`] in `shelf`. Who starts it in a lab's folder knows that the
/// shell is about another.
pub(crate) fn told(shelf: &Path) -> Result<PathBuf, Failure> {
    let file = shelf.join("told");
    let known = here().ok().flatten();
    let known = known.map(|it| line(&it)).unwrap_or_default();
    std::fs::write(&file, known)?;
    Ok(file)
}

fn line(folder: &Path) -> String {
    format!("{}\n", whole(folder).display())
}

fn whole(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// Tells whoever stands in another lab than the one that this shell is about, once.
pub(crate) fn note_elsewhere() -> Result<(), Failure> {
    let Some(served) = served() else {
        return Ok(());
    };
    if let Some(other) = here()?.filter(|it| whole(it) != whole(&served))
        && is_new(&other)
    {
        note(&served, &other);
    }
    Ok(())
}

/// The same of a lab that was just started.
pub(crate) fn note_started(lab: &Path) -> Result<(), Failure> {
    if let Some(served) = served().filter(|it| whole(it) != whole(lab)) {
        is_new(lab);
        note(&served, lab);
    }
    Ok(())
}

/// Whether this shell has not been told of `other`; now it has.
fn is_new(other: &Path) -> bool {
    let Some(file) = std::env::var_os(TOLD) else {
        return false;
    };
    let told = std::fs::read_to_string(&file).unwrap_or_default();
    let line = line(other);
    if told.lines().any(|it| it == line.trim_end()) {
        return false;
    }
    let opened = OpenOptions::new().append(true).open(file);
    opened.is_ok_and(|mut file| file.write_all(line.as_bytes()).is_ok())
}

fn note(served: &Path, other: &Path) {
    let (served, other) = (served.display(), other.display());
    let moves = match before::carried() {
        Some(_) => format!("`eval \"$(wirelab env)\"` makes it about {other}"),
        None => format!("`wirelab -C {other} ...` acts on that one, `exit` leaves this shell"),
    };
    output::note(&format!(
        "`wirelab` and `aws` in this shell are about {served}, wherever you stand; {moves}"
    ));
}
