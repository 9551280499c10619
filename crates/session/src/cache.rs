//! Checkpoints of runs, so that no command replays hours.
//!
//! `.wirelab/cache` holds, for a prefix of the effective journal, the world after it and the
//! evidence since the checkpoint before it, captures apart from the rest, since they are large.
//! The name of a checkpoint is a hash of everything that the state depends on: build, scenario,
//! seed, what is observed, and the entries themselves. So a checkpoint is either exactly right or
//! not found; deleting the folder costs only time.

mod prune;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wirelab_model::{SimTime, UnixTime, hex};
use wirelab_scenario::Plan;
use wirelab_simulator::Observe;

use crate::captures::{Captures, Packed};
use crate::error::SessionError;
use crate::evidence::{Calls, Evidence};
use crate::journal::{Entry, build};
use crate::run::{Run, State};

/// Changes whenever the form of the files does.
const FORM: &str = "wirelab-checkpoint-1";

/// The name of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key(String);

impl Key {
    /// Hex digits of SHA-256.
    const LENGTH: usize = 64;

    /// What its files are called.
    fn stem(&self) -> &str {
        &self.0[..32]
    }

    /// The state when the lab opens.
    pub(crate) fn opening(plan: &Plan, opens_at: SimTime, observe: Observe) -> Self {
        let parts = serde_json::json!([
            FORM,
            build(),
            executable(),
            plan.hash,
            plan.seed,
            opens_at,
            [observe.captures, observe.flow_records, observe.drops],
        ]);
        Self(hex(&Sha256::digest(parts.to_string())))
    }

    /// The state after one more entry.
    pub(crate) fn after(&self, entry: &Entry) -> Self {
        let entry = serde_json::to_string(entry).expect("entries have text keys");
        let mut hash = Sha256::new();
        hash.update(&self.0);
        hash.update(entry);
        Self(hex(&hash.finalize()))
    }
}

/// What tells this executable from another build of the same version.
fn executable() -> String {
    let metadata = std::env::current_exe().and_then(std::fs::metadata);
    metadata.map_or_else(
        |_| String::new(),
        |file| format!("{} {:?}", file.len(), file.modified().ok()),
    )
}

/// The part of a checkpoint that every command reads.
#[derive(Serialize, Deserialize)]
struct Stored<S> {
    parent: Option<Key>,
    state: S,
}

/// Which captures the files in `evidence/` hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// Everything up to here.
    pub(crate) key: Key,
    /// The files' names and lengths, so that one that somebody changed is written anew.
    pub(crate) files: BTreeMap<String, u64>,
    /// When those came that a flow log has published: virtual UTC, kept as the file's own time.
    pub(crate) published: BTreeMap<String, UnixTime>,
}

/// The folder of checkpoints.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The run at `key`, without the evidence before it.
    pub(crate) fn load(&self, key: &Key, plan: &Arc<Plan>) -> Option<Run> {
        let stored: Stored<State> = self.read(key, "world")?;
        Some(Run::resume(Arc::clone(plan), stored.state))
    }

    /// The whole evidence up to `key`, captures included.
    pub(crate) fn evidence(&self, key: &Key) -> Option<Evidence> {
        let mut whole = self.evidence_without_captures(key)?;
        whole.captures = self.captures(key, None)?;
        Some(whole)
    }

    /// The evidence up to `key` less the captures.
    pub(crate) fn evidence_without_captures(&self, key: &Key) -> Option<Evidence> {
        self.joined(key, |part| part)
    }

    /// The same less the API calls too, which may be most of it: what files are made of.
    pub(crate) fn evidence_for_files(&self, key: &Key) -> Option<Evidence> {
        self.joined(key, |part| Evidence {
            calls: Calls::default(),
            ..part
        })
    }

    fn joined(&self, key: &Key, of: impl Fn(Evidence) -> Evidence) -> Option<Evidence> {
        let mut whole = Evidence::default();
        for part in self.chain_of(key, None, "evidence", of)? {
            whole.extend(part);
        }
        Some(whole)
    }

    /// What was captured up to `key`, since the checkpoint `since` if that is before it.
    pub(crate) fn captures(&self, key: &Key, since: Option<&Key>) -> Option<Captures> {
        let parts: Vec<Packed> = self.chain(key, since, "captures")?;
        let mut whole = Evidence::default();
        for part in parts {
            whole.extend(Evidence {
                captures: part.unpack()?,
                ..Evidence::default()
            });
        }
        Some(whole.captures)
    }

    /// The parts of the checkpoints that lead to `key`, the first one first; only those after
    /// `since`, which must be one of them.
    fn chain<T: DeserializeOwned>(
        &self,
        key: &Key,
        since: Option<&Key>,
        part: &str,
    ) -> Option<Vec<T>> {
        self.chain_of(key, since, part, |it: T| it)
    }

    /// What `of` leaves of each of them, one read after the other.
    fn chain_of<T: DeserializeOwned>(
        &self,
        key: &Key,
        since: Option<&Key>,
        part: &str,
        of: impl Fn(T) -> T,
    ) -> Option<Vec<T>> {
        let mut parts = Vec::new();
        let mut next = Some(key.clone());
        while next.as_ref() != since {
            let stored: Stored<T> = self.read(&next?, part)?;
            parts.push(of(stored.state));
            next = stored.parent;
        }
        parts.reverse();
        Some(parts)
    }

    /// Keeps the run as the checkpoint `key` and takes its evidence out of it. `parent` is the
    /// checkpoint that the run was resumed from.
    pub(crate) fn store(
        &self,
        key: &Key,
        parent: Option<&Key>,
        run: &mut Run,
    ) -> Result<(), SessionError> {
        std::fs::create_dir_all(&self.dir).map_err(|error| SessionError::file(&self.dir, error))?;
        let parent = parent.cloned();
        let mut evidence = run.take_evidence();
        let captures = Stored {
            parent: parent.clone(),
            state: Packed::pack(std::mem::take(&mut evidence.captures)),
        };
        let evidence = Stored {
            parent: parent.clone(),
            state: evidence,
        };
        // The world comes last: whoever finds it finds the evidence, too.
        self.write(key, "captures", &captures)?;
        self.write(key, "evidence", &evidence)?;
        let state = run.state();
        self.write(key, "world", &Stored { parent, state })
    }

    /// What was last written into `evidence/`.
    pub(crate) fn written(&self) -> Option<Written> {
        read(&self.dir.join("written"))
    }

    /// Remembers what was written into `evidence/`.
    pub(crate) fn set_written(&self, written: &Written) -> Result<(), SessionError> {
        write(&self.dir.join("written"), written)
    }

    fn path(&self, key: &Key, part: &str) -> PathBuf {
        self.dir.join(format!("{}.{part}", key.stem()))
    }

    fn read<T: DeserializeOwned>(&self, key: &Key, part: &str) -> Option<T> {
        read(&self.path(key, part))
    }

    fn write<T: Serialize>(&self, key: &Key, part: &str, value: &T) -> Result<(), SessionError> {
        write(&self.path(key, part), value)
    }
}

/// The value in a file; a file that is missing or damaged is not there.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = std::fs::read(path).ok()?;
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
    if checksum(body) != sum {
        return None;
    }
    postcard::from_bytes(body).ok()
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), SessionError> {
    let mut bytes = postcard::to_stdvec(value).expect("worlds have a compact form");
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    write_atomically(path, &bytes)
}

/// FNV-1a: against files cut short, not against people.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3);
        hash ^= hash >> 29;
    }
    hash.to_le_bytes()
}

/// Writes beside the file and renames, so that readers see all of it or nothing.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), SessionError> {
    write_as_of(None, path, bytes)
}

/// The same; `modified`, in whole seconds, is what the file says of when it was written.
pub(crate) fn write_as_of(
    modified: Option<UnixTime>,
    path: &Path,
    bytes: &[u8],
) -> Result<(), SessionError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    let write = || {
        std::fs::write(&beside, bytes)?;
        if let Some(modified) = modified {
            let opened = std::fs::File::options().write(true).open(&beside)?;
            opened.set_modified(UNIX_EPOCH + Duration::from_secs(modified.as_secs()))?;
        }
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| SessionError::file(path, error))
}
