//! Which files are submissions.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wirelab_grader::batch::{Graded, Limits, Status};
use wirelab_grader::submitted::fingerprint;
use wirelab_model::Seed;

use super::unpack::{self, Scratch};
use crate::failure::Failure;
use crate::output;

/// A file to grade.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its name in results: relative to the folder that was named.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Why it is none, where that is known without reading it.
    pub(super) trouble: Option<(Status, String)>,
}

impl Found {
    pub(super) const fn file(name: String, path: PathBuf) -> Self {
        Self {
            name,
            path,
            trouble: None,
        }
    }

    pub(super) const fn trouble(
        name: String,
        path: PathBuf,
        status: Status,
        reason: String,
    ) -> Self {
        Self {
            name,
            path,
            trouble: Some((status, reason)),
        }
    }

    /// The result of one that is not graded.
    pub(super) fn ungraded(&self, status: Status, reason: &str) -> Graded {
        let mut graded = Graded::without_report(&self.name, status, reason);
        let is_link = std::fs::symlink_metadata(&self.path).is_ok_and(|it| it.is_symlink());
        if !is_link && let Ok(Some(octets)) = read(&self.path, &Limits::default()) {
            graded.sha256 = fingerprint(&octets);
        }
        graded
    }
}

/// The files that are named, and those in the folders that are, however deep, whose names end as
/// submissions' do, and what archives among them hold. Links in folders are listed, not followed.
pub(super) fn find(paths: &[PathBuf], scratch: &mut Scratch) -> Result<Vec<Found>, Failure> {
    let (mut files, mut archives) = (Vec::new(), Vec::new());
    let mut links = Vec::new();
    for path in paths {
        let failed = |error| Failure::usage(format!("{}: {error}", path.display()));
        let kind = std::fs::metadata(path).map_err(failed)?;
        if kind.is_dir() {
            below(path, path, (&mut files, &mut links), &mut scratch.others)?;
        } else if kind.is_file() && unpack::is_container(path) {
            archives.push(path.clone());
        } else if kind.is_file() {
            let name = path.file_name().unwrap_or_default();
            files.push((shown(Path::new(name)), path.clone()));
        } else {
            let shown = path.display();
            return Err(Failure::usage(format!("{shown} is no file and no folder")));
        }
    }
    if files.is_empty() && archives.is_empty() && links.is_empty() {
        return Err(Failure::usage("there are no submissions there").hint(
            "in a folder, files whose names end in `.json`, `.gz`, `.zip`, `.tar` or `.tgz` are taken",
        ));
    }
    let mut found: Vec<(PathBuf, Found)> = Vec::new();
    for (name, path) in files {
        let below = unpack::unpack(name, path.clone(), scratch);
        found.extend(below.into_iter().map(|it| (path.clone(), it)));
    }
    // As a folder that is named: what is in it is called by its way from there.
    for path in archives {
        let name = shown(Path::new(path.file_name().unwrap_or_default()));
        let members = unpack::unpack(name.clone(), path.clone(), scratch).into_iter();
        found.extend(members.map(|it| {
            let below = it.name.strip_prefix(&format!("{name}/")).map(str::to_owned);
            let name = below.unwrap_or_else(|| it.name.clone());
            (path.clone(), Found { name, ..it })
        }));
    }
    found.extend(links.into_iter().map(|(name, path): (String, PathBuf)| {
        let reason = "it is a link to another file: links are not followed".to_owned();
        let link = Found::trouble(name, path.clone(), Status::Refused, reason);
        (path, link)
    }));
    found.sort_by(|a, b| (&a.1.name, &a.0).cmp(&(&b.1.name, &b.0)));
    if let Some(pair) = found.windows(2).find(|it| it[0].1.name == it[1].1.name) {
        let (name, first, second) = (&pair[0].1.name, pair[0].0.display(), pair[1].0.display());
        return Err(Failure::usage(format!(
            "`{name}` would be two results: of {first} and of {second}"
        ))
        .hint("grade the folder that holds both"));
    }
    say_others(&scratch.others);
    Ok(found.into_iter().map(|(_, it)| it).collect())
}

/// What is beside the submissions: some of it by name.
fn say_others(others: &[String]) {
    const NAMED: usize = 3;
    for name in others.iter().take(NAMED) {
        output::note(&format!("not a submission: {name}"));
    }
    if others.len() > NAMED {
        let more = others.len() - NAMED;
        output::note(&format!("and {more} more files that are no submissions"));
    }
}

/// A name as results have it: text without control characters, which would steer a terminal.
fn shown(name: &Path) -> String {
    name.to_string_lossy().chars().map(plain).collect()
}

/// The character, unless it is a control character.
pub(super) fn plain(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

/// Whether a name ends as a submission's does, or an archive's of them.
pub(super) fn is_handed_in(ending: &std::ffi::OsStr) -> bool {
    ["json", "zip", "gz", "tgz", "tar"]
        .iter()
        .any(|it| ending == *it)
}

/// Names, as results have them, and paths.
type Named = Vec<(String, PathBuf)>;

fn below(
    root: &Path,
    folder: &Path,
    (found, links): (&mut Named, &mut Named),
    others: &mut Vec<String>,
) -> Result<(), Failure> {
    let failed = |error| Failure::environment(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            below(root, &path, (&mut *found, &mut *links), others)?;
        } else if path.extension().is_some_and(is_handed_in)
            && (kind.is_file() || kind.is_symlink())
        {
            let name = shown(path.strip_prefix(root).unwrap_or(&path));
            let list = if kind.is_file() {
                &mut *found
            } else {
                &mut *links
            };
            list.push((name, path.clone()));
        } else {
            others.push(shown(&path));
        }
    }
    Ok(())
}

/// The octets of a file, of which no more are read than a submission may have; `None`: it has more.
pub(super) fn read(path: &Path, limits: &Limits) -> std::io::Result<Option<Vec<u8>>> {
    let most = limits.octets as u64;
    let mut octets = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut octets)?;
    Ok((octets.len() as u64 <= most).then_some(octets))
}

/// Lab and seed of a submission, to grade neighbours one after the other; none if it is broken.
pub(super) fn runs(file: &Found) -> Option<(String, Seed)> {
    #[derive(Deserialize)]
    struct Head {
        lab: String,
        seed: Seed,
    }
    if file.trouble.is_some() {
        return None;
    }
    let octets = read(&file.path, &Limits::default()).ok()??;
    let head: Head = serde_json::from_slice(&octets).ok()?;
    Some((head.lab, head.seed))
}
