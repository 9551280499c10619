//! Which objects may be log files.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::FilesError;

/// The folder into which AWS puts logs of all services.
const AWS_LOGS: &str = "AWSLogs";

/// What the folder of flow logs is called in the plain layout, and in the Hive-compatible one
/// behind the `=`.
const SERVICE: &str = "vpcflowlogs";
const HIVE_SERVICE: &str = "aws-service=";

/// The objects below a prefix, in the order of their keys, which is that of time within a flow log;
/// and whether it is one object that the prefix names.
///
/// Left out are the logs of other services, which a bucket often holds as well, and hidden files,
/// as Hive and Athena leave them out: names that begin with `.` or `_`.
pub(super) async fn objects(
    store: &dyn ObjectStore,
    prefix: &str,
) -> Result<(Vec<ObjectMeta>, bool), FilesError> {
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
            Ok(object) => return Ok((vec![object], true)), // whatever it is called
            Err(object_store::Error::NotFound { .. }) => {}
            Err(other) => return Err(error(other)),
        }
    }
    if let [only] = objects.as_slice()
        && only.location == path
    {
        return Ok((objects, true));
    }
    objects.retain(|object| !is_hidden(&object.location) && !is_of_other_service(&object.location));
    objects.sort_by(|left, right| left.location.cmp(&right.location));
    Ok((objects, false))
}

fn is_hidden(key: &Path) -> bool {
    let name = key.filename().unwrap_or_default();
    name.starts_with(['.', '_'])
}

/// Whether a key is that of another service's log: `AWSLogs/123456789012/CloudTrail/...`, with the
/// id of an organization before the account's or not.
pub(super) fn is_of_other_service(key: &Path) -> bool {
    let parts: Vec<_> = key.parts().collect();
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    let Some(at) = parts.iter().rposition(|part| *part == AWS_LOGS) else {
        return false;
    };
    let folders = &parts[at + 1..parts.len().saturating_sub(1).max(at + 1)];
    let hive = folders
        .iter()
        .find_map(|part| part.strip_prefix(HIVE_SERVICE));
    let folders = match folders {
        [organization, rest @ ..] if organization.starts_with("o-") => rest,
        all => all,
    };
    let plain = match folders {
        [account, service, ..] if is_account(account) => Some(*service),
        _ => None,
    };
    let is_name = |service: &&str| service.starts_with(|c: char| c.is_ascii_alphabetic());
    let service = hive.or(plain).filter(is_name);
    service.is_some_and(|service| service != SERVICE)
}

fn is_account(folder: &str) -> bool {
    folder.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a name says that it is a flow log's, so that unreadable data in it is damage.
pub(super) fn claims_to_be_log(key: &Path) -> bool {
    let name = key.filename().unwrap_or_default();
    name.contains(SERVICE) || name.ends_with(".log.gz") || name.ends_with(".log.parquet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_other_services_are_told_by_their_folders() {
        for (key, other) in [
            ("AWSLogs/1/vpcflowlogs/us-east-1/2024/03/05/a.log.gz", false),
            (
                "p/AWSLogs/1/CloudTrail/us-east-1/2024/03/05/a.json.gz",
                true,
            ),
            ("AWSLogs/o-1/1/CloudTrail/us-east-1/a.json.gz", true),
            ("AWSLogs/o-1/1/vpcflowlogs/us-east-1/a.log.gz", false),
            (
                "AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/year=2024/a.log.gz",
                false,
            ),
            (
                "AWSLogs/aws-account-id=1/aws-service=elb/year=2024/a.log.gz",
                true,
            ),
            ("AWSLogs/a.log", false),
            ("AWSLogs/1/a.log", false),
            ("AWSLogs/mine/2024/a.log", false),
            ("AWSLogs/1/2024/a.log", false),
            ("mine/a.log", false),
        ] {
            assert_eq!(is_of_other_service(&Path::from(key)), other, "{key}");
        }
    }
}
