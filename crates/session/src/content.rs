//! Where labs and scenarios are.

use std::path::{Path, PathBuf};

use crate::error::SessionError;
use wirelab_scenario::{ContentErrors, CourseOrder, Lab, Scenario};

use crate::sandbox;

/// A folder with `labs/` and `scenarios/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    root: PathBuf,
}

impl Content {
    /// The content in `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The nearest folder from `start` upwards that holds `labs` and `scenarios`.
    #[must_use]
    pub fn find(start: &Path) -> Option<Self> {
        let holds = |dir: &&Path| dir.join("labs").is_dir() && dir.join("scenarios").is_dir();
        start.ancestors().find(holds).map(Self::new)
    }

    /// The name of the lab that is no file: empty accounts to build in.
    pub const SANDBOX: &str = sandbox::NAME;

    /// Whether there is a lab of that name.
    #[must_use]
    pub fn has_lab(&self, name: &str) -> bool {
        name == Self::SANDBOX || self.lab_dir(name).join("lab.toml").is_file()
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a lab, with its README, solutions and wrong answers.
    #[must_use]
    pub fn lab_dir(&self, name: &str) -> PathBuf {
        self.root.join("labs").join(name)
    }

    /// The names of the labs, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn labs(&self) -> std::io::Result<Vec<String>> {
        folders_with(&self.root.join("labs"), "lab.toml")
    }

    /// The order in which the labs are best taken.
    ///
    /// # Errors
    /// Mistakes in `labs/course.toml`; a folder that cannot be read.
    pub fn course(&self) -> Result<CourseOrder, SessionError> {
        let folder = self.root.join("labs");
        let labs = self.labs();
        let labs = labs.map_err(|error| SessionError::file(&folder, error))?;
        Ok(CourseOrder::load(&folder, &labs)?)
    }

    /// The names of the scenarios, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn scenarios(&self) -> std::io::Result<Vec<String>> {
        folders_with(&self.root.join("scenarios"), "scenario.toml")
    }

    /// Reads a lab.
    ///
    /// # Errors
    /// Mistakes in the file.
    pub fn lab(&self, name: &str) -> Result<Lab, ContentErrors> {
        match name {
            Self::SANDBOX => Ok(sandbox::lab()),
            name => Lab::load(&self.lab_dir(name)),
        }
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// Mistakes in the file.
    pub fn scenario(&self, name: &str) -> Result<Scenario, ContentErrors> {
        match name {
            Self::SANDBOX => sandbox::scenario(),
            name => Scenario::load(&self.root.join("scenarios").join(name)),
        }
    }
}

fn folders_with(dir: &Path, file: &str) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().join(file).is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
