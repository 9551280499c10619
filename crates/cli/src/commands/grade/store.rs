//! Results in a folder: `NAME.result.json`, one a submission.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wirelab_grader::batch::Limits;
use wirelab_grader::submitted::fingerprint;
use wirelab_grader::variant;
use wirelab_session::{Content, build};

use super::find::{self, Found};
use crate::failure::Failure;

/// The ending of results.
pub(crate) const ENDING: &str = ".result.json";

/// A part of a name may have so many octets; file systems take 255, the ending included.
const NAME: usize = 200;

/// A part of a name that a file can be called by: a longer one is cut, and told from its like by
/// its hash.
fn short(part: &str) -> String {
    if part.len() <= NAME {
        return part.to_owned();
    }
    format!("{:.40}-{:.16}", part, fingerprint(part.as_bytes()))
}

/// A folder of results.
pub(super) struct Store {
    folder: PathBuf,
    /// Hashes of lab and scenario, by lab.
    hashes: BTreeMap<String, (String, String)>,
    course: Option<String>,
}

impl Store {
    /// Makes the folder if there is none.
    pub(super) fn open(
        folder: &Path,
        content: &Content,
        course: Option<&str>,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::environment(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut hashes = BTreeMap::new();
        for name in content.labs()? {
            // A lab with mistakes has no hash, and its results are made again.
            if let Ok(lab) = content.lab(&name)
                && let Ok(scenario) = content.scenario(&lab.scenario)
            {
                hashes.insert(name, (lab.hash, scenario.hash));
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            hashes,
            course: course.map(variant::fingerprint),
        })
    }

    /// The result of the same file by the same build and content, if it is there. What was our
    /// fault is tried again.
    pub(super) fn kept(&self, file: &Found) -> Option<Value> {
        if file.trouble.is_some() {
            return None;
        }
        let text = std::fs::read(self.path(file)).ok()?;
        let result: Value = serde_json::from_slice(&text).ok()?;
        let octets = find::read(&file.path, &Limits::default()).ok()??;
        let same = result["file"] == file.name.as_str()
            && result["sha256"] == fingerprint(&octets)
            && result["status"] == "graded"
            && result["grader"]["build"] == build()
            && result["grader"]["course"].as_str() == self.course.as_deref();
        let lab = result["lab"].as_str()?;
        let (lab_hash, scenario_hash) = self.hashes.get(lab)?;
        let same = same
            && result["grader"]["lab_hash"] == lab_hash.as_str()
            && result["grader"]["scenario_hash"] == scenario_hash.as_str();
        same.then_some(result)
    }

    /// Writes a result, whole or not at all.
    pub(super) fn keep(&self, file: &Found, result: &Value) -> Result<(), Failure> {
        let path = self.path(file);
        let failed = |error| Failure::environment(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut text = serde_json::to_string_pretty(result).map_err(Failure::internal)?;
        text.push('\n');
        let temporary = path.with_extension("json.new");
        std::fs::write(&temporary, text).map_err(failed)?;
        std::fs::rename(&temporary, &path).map_err(failed)
    }

    fn path(&self, file: &Found) -> PathBuf {
        let parts: Vec<String> = file.name.split('/').map(short).collect();
        self.folder.join(parts.join("/") + ENDING)
    }
}
