//! Which checkpoints go: the folder stays small however long a lab is played.
//!
//! The evidence of the present run is spread over the checkpoints on the way to it; those stay,
//! less most of their worlds. Of all others (other traffic that was graded, branches that were
//! taken back, other builds) the newest are kept, each with the way to it, up to a count and a
//! size.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Cache, Key};

/// Worlds kept on the way to the present run, beside that of the opening: so many undos are quick.
const WORLDS: usize = 16;
/// Other checkpoints kept ...
const OTHERS: usize = 32;
/// ... and how many octets of them.
const OTHER_OCTETS: u64 = 128 << 20;
/// A file half written is left alone this long: somebody may still be at it.
const HALF_WRITTEN: Duration = Duration::from_secs(3600);

/// The files of one checkpoint.
struct Checkpoint {
    files: Vec<PathBuf>,
    octets: u64,
    modified: SystemTime,
    parent: Option<String>,
}

type Found = BTreeMap<String, Checkpoint>;

impl Cache {
    /// Removes what is neither on the way to `present` nor among the newest of the others. A file
    /// that cannot be read or removed stays: it costs no more than its place.
    pub(crate) fn prune(&self, present: &Key) {
        let found = self.found();
        let way = way(&found, present.stem());
        let kept = kept(&found, &way);
        let gone = found
            .iter()
            .filter(|(stem, _)| !kept.contains(stem.as_str()));
        for file in gone.flat_map(|(_, checkpoint)| &checkpoint.files) {
            let _ = std::fs::remove_file(file);
        }
        let opening = way.len().saturating_sub(1);
        for stem in way.iter().take(opening).skip(WORLDS) {
            let _ = std::fs::remove_file(self.dir.join(format!("{stem}.world")));
        }
    }

    /// The checkpoints in the folder by their stems. Files left half written go at once.
    fn found(&self) -> Found {
        let mut found = Found::new();
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if is(&path, "tmp") {
                remove_half_written(&path, modified);
            } else if ["world", "evidence", "captures"]
                .iter()
                .any(|it| is(&path, it))
            {
                add(&mut found, path, metadata.len(), modified);
            }
        }
        found
    }
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it == extension)
}

fn remove_half_written(path: &Path, modified: SystemTime) {
    if modified.elapsed().is_ok_and(|age| age > HALF_WRITTEN) {
        let _ = std::fs::remove_file(path);
    }
}

fn add(found: &mut Found, path: PathBuf, octets: u64, modified: SystemTime) {
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
        return;
    };
    let checkpoint = found.entry(stem.to_owned()).or_insert_with(|| Checkpoint {
        files: Vec::new(),
        octets: 0,
        modified,
        parent: parent(&path),
    });
    checkpoint.files.push(path);
    checkpoint.octets += octets;
    checkpoint.modified = checkpoint.modified.max(modified);
}

/// The stem of the checkpoint before: every file begins with its key.
fn parent(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(path)
        .ok()?
        .take(Key::LENGTH as u64 + 2)
        .read_to_end(&mut head)
        .ok()?;
    let (parent, _) = postcard::take_from_bytes::<Option<Key>>(&head).ok()?;
    Some(parent?.stem().to_owned())
}

/// The checkpoint `stem` and those that lead to it, the opening last.
fn way<'a>(found: &'a Found, stem: &'a str) -> Vec<&'a str> {
    let mut way: Vec<&str> = Vec::new();
    let mut next = Some(stem);
    while let Some(stem) = next
        && let Some(checkpoint) = found.get(stem)
        && !way.contains(&stem)
    {
        way.push(stem);
        next = checkpoint.parent.as_deref();
    }
    way
}

/// The way to the present run, and the newest others with theirs as far as they fit.
fn kept<'a>(found: &'a Found, present: &[&'a str]) -> BTreeSet<&'a str> {
    let mut kept: BTreeSet<&str> = present.iter().copied().collect();
    let mut newest: Vec<_> = found.iter().collect();
    newest.sort_by_key(|(_, checkpoint)| std::cmp::Reverse(checkpoint.modified));
    let (mut count, mut octets) = (0, 0);
    for (stem, _) in newest {
        let way = way(found, stem);
        let more: Vec<&str> = way.into_iter().filter(|it| !kept.contains(it)).collect();
        let size: u64 = more.iter().map(|it| found[*it].octets).sum();
        if count + more.len() <= OTHERS && octets + size <= OTHER_OCTETS {
            count += more.len();
            octets += size;
            kept.extend(more);
        }
    }
    kept
}
