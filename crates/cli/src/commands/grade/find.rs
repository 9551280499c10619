//! Which files are submissions.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wirelab_grader::batch::Limits;
use wirelab_model::Seed;

use crate::failure::Failure;
use crate::output;

/// A file to grade.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its name in results: relative to the folder that was named.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// The files that are named, and those in the folders that are, however deep, whose names end as
/// submissions' do. Links are not followed.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let failed = |error| Failure::usage(format!("{}: {error}", path.display()));
        if std::fs::metadata(path).map_err(failed)?.is_dir() {
            below(path, path, &mut found)?;
        } else {
            let name = path.file_name().unwrap_or_default();
            found.push(Found {
                name: name.to_string_lossy().into_owned(),
                path: path.clone(),
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = found.windows(2).find(|it| it[0].name == it[1].name) {
        let (name, first, second) = (
            &pair[0].name,
            pair[0].path.display(),
            pair[1].path.display(),
        );
        return Err(Failure::usage(format!(
            "{first} and {second} would both be `{name}` in the results"
        ))
        .hint("grade the folder that holds both"));
    }
    if found.is_empty() {
        return Err(Failure::usage("there are no submissions there")
            .hint("in a folder, files whose names end in `.json` are taken"));
    }
    Ok(found)
}

/// Archives are taken too, so that they are listed and not passed over.
fn is_handed_in(ending: &std::ffi::OsStr) -> bool {
    ["json", "zip", "gz", "tgz", "tar"]
        .iter()
        .any(|it| ending == *it)
}

fn below(root: &Path, folder: &Path, found: &mut Vec<Found>) -> Result<(), Failure> {
    let failed = |error| Failure::environment(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            below(root, &path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(is_handed_in) {
            let name = path.strip_prefix(root).unwrap_or(&path);
            let name = name.to_string_lossy().into_owned();
            found.push(Found { name, path });
        } else {
            output::note(&format!("not a submission: {}", path.display()));
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
    let octets = read(&file.path, &Limits::default()).ok()??;
    let head: Head = serde_json::from_slice(&octets).ok()?;
    Some((head.lab, head.seed))
}
