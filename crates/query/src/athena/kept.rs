//! A catalog in a file, and buckets that are folders beside each other: what a lab keeps.

use std::io;
use std::path::Path;

use super::catalog::{AthenaCatalog, Buckets, TableFormat};
use crate::FilesError;

impl AthenaCatalog {
    /// Reads what [`AthenaCatalog::keep`] has written; a new catalog if there is no file.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no catalog ([`io::ErrorKind::InvalidData`]).
    pub fn read(path: &Path) -> io::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(serde_json::from_str(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes the catalog, in one step, less the tables that [`AthenaCatalog::add_logs`] makes:
    /// those are made anew whenever they are wanted.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn keep(&self, path: &Path) -> io::Result<()> {
        let mut catalog = self.clone();
        for database in catalog.databases.values_mut() {
            let tables = &mut database.tables;
            tables.retain(|_, table| table.format != TableFormat::Logs);
        }
        let text = serde_json::to_string_pretty(&catalog)?;
        let new = path.with_extension("json.new");
        std::fs::write(&new, text + "\n")?;
        std::fs::rename(&new, path)
    }
}

impl Buckets {
    /// Adds each folder in `folder` as the bucket of its name; none, if there is no such folder.
    ///
    /// # Errors
    /// [`FilesError::Store`] if one cannot be read.
    pub fn insert_folders(&mut self, folder: &Path) -> Result<(), FilesError> {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                let name = entry.file_name().to_string_lossy().into_owned();
                self.insert_folder(name, &entry.path())?;
            }
        }
        Ok(())
    }
}
