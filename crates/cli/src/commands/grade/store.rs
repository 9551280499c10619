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
        self.folder.join(format!("{}{ENDING}", file.name))
    }
}
