//! `scenario.toml` as a whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wirelab_model::{Seed, UnixTime, hex};

use crate::error::{ContentErrors, Source};
use crate::node::{self, Table};
use crate::plan::Plan;

/// A scenario file that has been parsed. What varies is not yet drawn.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The folder it was read from.
    pub dir: PathBuf,
    /// SHA-256 of the file in hex: journals name it, so that a changed file is noticed.
    pub hash: String,
    pub(crate) source: Arc<Source>,
    pub(crate) table: Table,
    /// The moment at which virtual time begins, where it is not the file's `starts`.
    pub(crate) starts: Option<UnixTime>,
}

impl Scenario {
    /// Reads `scenario.toml` in `dir`.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML. Everything else shows when it is compiled.
    pub fn load(dir: &Path) -> Result<Self, ContentErrors> {
        let source = Source::read(&dir.join("scenario.toml"))?;
        Self::parse(dir, &source)
    }

    /// Reads a text as the `scenario.toml` of `dir`.
    ///
    /// # Errors
    /// As [`Scenario::load`].
    pub fn parse(dir: &Path, source: &Arc<Source>) -> Result<Self, ContentErrors> {
        Ok(Self {
            dir: dir.to_owned(),
            hash: hex(&Sha256::digest(source.text.as_bytes())),
            source: Arc::clone(source),
            table: node::parse(source)?,
            starts: None,
        })
    }

    /// The same with another moment of UTC at which virtual time begins; `None`: the file's.
    #[must_use]
    pub fn starting_at(self, starts: Option<UnixTime>) -> Self {
        Self { starts, ..self }
    }

    /// Name: the folder's, which the file's `name` must equal.
    #[must_use]
    pub fn folder_name(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Draws what varies and makes the network.
    ///
    /// # Errors
    /// Every mistake found, with its place; calls that AWS would refuse, with AWS's message.
    pub fn compile(&self, seed: Seed) -> Result<Plan, ContentErrors> {
        crate::compile::compile(self, seed, None)
    }

    /// As [`Scenario::compile`], with the variant chosen by name and the rest drawn.
    ///
    /// # Errors
    /// As [`Scenario::compile`]; an unknown name.
    pub fn compile_variant(&self, seed: Seed, variant: &str) -> Result<Plan, ContentErrors> {
        crate::compile::compile(self, seed, Some(variant))
    }

    /// The names of the variants, in the order of the file; empty if there are none.
    #[must_use]
    pub fn variants(&self) -> Vec<String> {
        crate::draw::variant_names(&self.table)
    }

    /// The file as it was read.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }
}
