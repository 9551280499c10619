//! A second look at files over which a query has failed.
//!
//! The first look is at heads alone. A query that comes upon a header line of another format in the
//! middle of a file, or upon damage where damaged files are to be left out, ends; then every file
//! is read once to its end, and the query is asked again with what that has found. Damage in a page
//! of a Parquet file names no file: that is looked for too.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use datafusion::common::DataFusionError;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use object_store::{ObjectStore, ObjectStoreExt};

use super::head::Head;
use super::{FilesError, Known, LogFiles, damaged};
use crate::error::damage;
use crate::scan::headers_in;

impl LogFiles {
    /// The same files with all that is known of them now.
    pub(crate) fn newest(&self) -> Self {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            known: newest.clone(),
            ..self.clone()
        }
    }

    /// Counts of the records without a time only so many.
    pub(crate) fn forget_untimed(&self, counted: u64) {
        self.untimed.store(counted, Ordering::Relaxed);
    }

    /// Looks again if a query that has failed, by damage or not, may go well then. `untimed` is
    /// what was counted of records without a time before it.
    ///
    /// # Errors
    /// [`FilesError`] if a file is damaged, and damaged ones are not left out.
    pub(crate) async fn look_again(
        &self,
        is_damage: bool,
        untimed: u64,
    ) -> Result<bool, FilesError> {
        let joined = self.joined.as_ref().is_some_and(|joined| joined.take());
        let is_spared = is_damage && self.spares;
        if !joined && !is_spared {
            return match is_damage {
                true => self.name_damaged().await.map(|()| false),
                false => Ok(false),
            };
        }
        let Known {
            heads, mut skipped, ..
        } = self.newest().known.as_ref().clone();
        let mut sound = Vec::new();
        for mut head in heads {
            match self.read_through(&mut head).await {
                Ok(()) => sound.push(head),
                Err(reason) if self.spares => skipped.damaged(&head.object.location, &reason),
                Err(reason) => return Err(damaged(&head.object.location, &reason)),
            }
        }
        if sound.is_empty() {
            let (place, others) = (self.name.clone(), skipped.line());
            return Err(FilesError::NoFiles { place, others });
        }
        self.forget_untimed(untimed);
        if let Some(misfits) = &self.misfits {
            misfits.clear();
        }
        let known = Arc::new(Known::of(sound, skipped));
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(true)
    }

    /// The first Parquet file that cannot be read to its end, as an error.
    async fn name_damaged(&self) -> Result<(), FilesError> {
        for head in self
            .newest()
            .known
            .heads
            .iter()
            .filter(|head| head.text.is_none())
        {
            let read = rows_of(self.store.clone(), head).await;
            read.map_err(|error| damaged(&head.object.location, &reason(&error)))?;
        }
        Ok(())
    }

    /// Reads a file to its end, for its headers or for damage; what is wrong with it.
    async fn read_through(&self, head: &mut Head) -> Result<(), String> {
        let store: Arc<dyn ObjectStore> = self.store.clone();
        let Some(text) = &mut head.text else {
            return match self.spares {
                true => rows_of(store, head).await.map_err(|error| reason(&error)),
                false => Ok(()),
            };
        };
        let headers = headers_in(&store, &head.object, text.packed, &head.columns).await;
        text.changes = headers.map_err(|error| match damage(&error) {
            Some(reason) => {
                let file = format!("{}: ", head.object.location);
                reason.strip_prefix(&file).unwrap_or(&reason).to_owned()
            }
            None => error.strip_backtrace(),
        })?;
        Ok(())
    }
}

/// Reads all rows of a Parquet file.
async fn rows_of(store: Arc<dyn ObjectStore>, head: &Head) -> Result<(), DataFusionError> {
    let bytes = store.get(&head.object.location).await?.bytes().await?;
    for rows in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        rows?;
    }
    Ok(())
}

fn reason(error: &DataFusionError) -> String {
    damage(error).unwrap_or_else(|| error.strip_backtrace())
}
