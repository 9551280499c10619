//! Where a flow log writes: `LogDestination` of `CreateFlowLogs`.

use wirelab_model::SmolStr;

/// Bucket and folder named by a destination ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name of the bucket.
    pub bucket: SmolStr,
    /// Folder without slashes around it; empty for none.
    pub prefix: SmolStr,
}

/// Why an ARN is no S3 destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Not an ARN of a bucket.
    #[error("`{0}` is not the ARN of a bucket, such as `arn:aws:s3:::my-bucket/my-folder/`")]
    NotABucket(String),
    /// `AWSLogs` is kept for the key that the service adds.
    #[error("`AWSLogs` is a reserved term and cannot be the folder")]
    Reserved,
}

impl Destination {
    /// Reads `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/folder/`.
    ///
    /// # Errors
    /// [`DestinationError`].
    pub fn from_arn(arn: &str) -> Result<Self, DestinationError> {
        let not_a_bucket = || DestinationError::NotABucket(arn.to_owned());
        let mut parts = arn.splitn(6, ':');
        let head = [(); 5].map(|()| parts.next().unwrap_or_default());
        let path = parts.next().unwrap_or_default();
        let [start, partition, service, "", ""] = head else {
            return Err(not_a_bucket());
        };
        if start != "arn" || !partition.starts_with("aws") || service != "s3" {
            return Err(not_a_bucket());
        }
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/');
        if bucket.is_empty() {
            return Err(not_a_bucket());
        }
        if prefix.split('/').any(|folder| folder == "AWSLogs") {
            return Err(DestinationError::Reserved);
        }
        let (bucket, prefix) = (bucket.into(), prefix.into());
        Ok(Self { bucket, prefix })
    }
}
