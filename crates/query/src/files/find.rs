//! Which objects are log files.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::FilesError;

/// The part of a key that only flow logs have, in the plain and in the Hive-compatible layout.
const SERVICE: [&str; 2] = ["vpcflowlogs", "aws-service=vpcflowlogs"];

/// The log files below a prefix, in the order of their keys, which is that of time within a flow
/// log.
///
/// If keys of the S3 layouts are among them, the others are left out: a bucket of logs often holds
/// those of other services as well.
pub(super) async fn objects(
    store: &dyn ObjectStore,
    prefix: &str,
) -> Result<Vec<ObjectMeta>, FilesError> {
    let error = |error| FilesError::Store {
        place: prefix.to_owned(),
        error,
    };
    let path = Path::parse(prefix.trim_end_matches('/'));
    let path = path.map_err(|e| error(e.into()))?;
    let below = (!prefix.is_empty()).then_some(&path);
    let mut objects: Vec<ObjectMeta> = store.list(below).try_collect().await.map_err(error)?;
    if objects.is_empty() && !prefix.is_empty() {
        match store.head(&path).await {
            Ok(object) => return Ok(vec![object]), // whatever it is called
            Err(object_store::Error::NotFound { .. }) => {}
            Err(other) => return Err(error(other)),
        }
    }
    if let [only] = objects.as_slice()
        && only.location == path
    {
        return Ok(objects);
    }
    objects.retain(is_log);
    if objects.iter().any(is_of_service) {
        objects.retain(is_of_service);
    }
    if objects.is_empty() {
        let place = prefix.to_owned();
        return Err(FilesError::NoFiles { place });
    }
    objects.sort_by(|left, right| left.location.cmp(&right.location));
    Ok(objects)
}

fn is_log(object: &ObjectMeta) -> bool {
    let name = object.location.filename().unwrap_or_default();
    let hidden = name.starts_with(['.', '_']);
    let known = [".log", ".gz", ".parquet", ".txt"];
    object.size > 0 && !hidden && known.iter().any(|end| name.ends_with(end))
}

fn is_of_service(object: &ObjectMeta) -> bool {
    let mut parts = object.location.parts();
    parts.any(|part| SERVICE.contains(&part.as_ref()))
}
