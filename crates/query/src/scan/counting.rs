//! An object store that counts the bytes read from it, and can be told to give no more.
//!
//! A byte counts once, however often it is asked for: the end of a small Parquet file is all of it,
//! and its columns are asked for again.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Passes everything on to `inner`.
#[derive(Debug)]
pub(crate) struct CountingStore {
    inner: Arc<dyn ObjectStore>,
    bytes: AtomicU64,
    /// What of each object has been read: ranges in order, with gaps between them.
    read: Mutex<HashMap<Path, Vec<Range<u64>>>>,
    stopped: AtomicBool,
}

impl CountingStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            bytes: AtomicU64::new(0),
            read: Mutex::default(),
            stopped: AtomicBool::new(false),
        }
    }

    /// From now on whoever reads gets an error, so that a query ends soon.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// An error if nothing more is to be read.
    pub(crate) fn check(&self) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            let (store, source) = ("stopped", "nothing more is read".into());
            return Err(object_store::Error::Generic { store, source });
        }
        Ok(())
    }

    /// Bytes of objects read so far, as they lie in the store.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn count(&self, location: &Path, range: Range<u64>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if !read.contains_key(location) {
            read.insert(location.clone(), Vec::new());
        }
        let ranges = read.get_mut(location).expect("inserted above");
        self.bytes.fetch_add(add(ranges, range), Ordering::Relaxed);
    }
}

/// Adds a range to those that there are; how many bytes of it are new.
fn add(ranges: &mut Vec<Range<u64>>, range: Range<u64>) -> u64 {
    if range.is_empty() {
        return 0;
    }
    let first = ranges.partition_point(|known| known.end < range.start);
    let behind = ranges.partition_point(|known| known.start <= range.end);
    let touched = &ranges[first..behind];
    let known: u64 = touched.iter().map(|known| known.end - known.start).sum();
    let start = touched
        .first()
        .map_or(range.start, |known| known.start.min(range.start));
    let end = touched
        .last()
        .map_or(range.end, |known| known.end.max(range.end));
    ranges.splice(first..behind, std::iter::once(start..end));
    end - start - known
}

impl fmt::Display for CountingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for CountingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check()?;
        let head = options.head;
        let result = self.inner.get_opts(location, options).await?;
        if !head {
            self.count(location, result.range.clone());
        }
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check()?;
        for range in ranges {
            self.count(location, range.clone());
        }
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_counts_once_in_whatever_order_ranges_come() {
        let mut ranges = Vec::new();
        let asked = [
            (10, 20),
            (30, 40),
            (15, 18),
            (0, 5),
            (18, 32),
            (5, 10),
            (40, 40),
            (0, 50),
        ];
        let new: Vec<u64> = asked
            .iter()
            .map(|(a, b)| add(&mut ranges, *a..*b))
            .collect();
        assert_eq!(new, [10, 10, 0, 5, 10, 5, 0, 10]);
        assert_eq!((ranges.len(), &ranges[0]), (1, &(0..50)));
    }
}
