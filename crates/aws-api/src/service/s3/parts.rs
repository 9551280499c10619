//! Uploads in parts: how clients put objects of more than a few MiB, several parts at once.
//!
//! The parts of an upload are files in a folder of its own, each with a note; nothing of them is an
//! object before the upload is complete. Then they are written one behind the other, and the entity
//! tag is that of AWS: the MD5 of the parts' MD5s, and how many there were.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use http::StatusCode;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, hex};

use super::body::{child, content, document, empty, kept, malformed};
use super::note::{file_error, quoted, read_note, write_note};
use super::read::part as range;
use super::store::{Fresh, Store};
use super::write::{check_writing, put, source, too_large};
use super::{Answer, Asked, NAMESPACE, OBJECT_AT_MOST, moment, response};
use crate::protocol::xml::escaped;
use crate::service::Refusal;

/// The numbers that parts may have.
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=10_000;

/// Octets of each part but the last at least.
const PART_AT_LEAST: u64 = 5 << 20;

/// What an upload is going to be.
#[derive(Serialize, Deserialize)]
struct Upload {
    key: String,
    /// Virtual UTC in whole seconds.
    begun: u64,
    headers: BTreeMap<String, String>,
}

/// One part that has come.
#[derive(Serialize, Deserialize)]
struct Part {
    modified: u64,
    size: u64,
    /// MD5 in hexadecimal digits.
    digest: String,
}

/// `CreateMultipartUpload`.
pub(super) fn create(asked: &Asked<'_>) -> Answer {
    check_writing(asked)?;
    let digest = hex(&Sha256::digest(format!("wirelab upload {}", asked.id)));
    let upload = Upload {
        key: asked.key.clone(),
        begun: asked.store.now(),
        headers: kept(asked.request.headers())?,
    };
    let folder = asked.store.uploads(&asked.bucket).join(&digest);
    write_note(&folder.join("upload.json"), &upload)?;
    let body = format!(
        "{}<UploadId>{digest}</UploadId></InitiateMultipartUploadResult>",
        head(asked, "InitiateMultipartUploadResult")
    );
    Ok(response(asked.id, &body))
}

/// The beginning of a reply: bucket and key.
fn head(asked: &Asked<'_>, name: &str) -> String {
    let (bucket, key) = (escaped(&asked.bucket), escaped(&asked.key));
    format!("<{name} xmlns=\"{NAMESPACE}\"><Bucket>{bucket}</Bucket><Key>{key}</Key>")
}

/// The folder of the upload that the request names, which is one of its key.
fn upload_of(asked: &Asked<'_>) -> Result<(PathBuf, Upload), ApiError> {
    let id = asked.of("uploadId");
    let folder = asked.store.uploads(&asked.bucket).join(id);
    let is_id = !id.is_empty() && id.bytes().all(|it| it.is_ascii_hexdigit());
    let upload = read_note::<Upload>(&folder.join("upload.json"));
    let upload = upload.filter(|it| is_id && it.key == asked.key);
    let upload = upload.ok_or_else(|| {
        let message = "The specified upload does not exist. The upload ID may be invalid, or the \
                       upload may have been aborted or completed.";
        ApiError::client("NoSuchUpload", message)
    })?;
    Ok((folder, upload))
}

/// `UploadPart` and `UploadPartCopy`.
pub(super) fn upload(asked: &Asked<'_>) -> Answer {
    check_writing(asked)?;
    let (folder, _) = upload_of(asked)?;
    let number: Option<u32> = asked.of("partNumber").parse().ok();
    let number = number.filter(|it| NUMBERS.contains(it)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        ApiError::client("InvalidArgument", message)
    })?;
    let is_copy = asked.request.headers().contains_key("x-amz-copy-source");
    let octets = match is_copy {
        true => copied(asked)?.into(),
        false => content(asked.request)?,
    };
    let part = Part {
        modified: asked.store.now(),
        size: octets.len() as u64,
        digest: hex(&Md5::digest(&octets)),
    };
    let fresh = asked.store.write(&octets, asked.id)?;
    let file = folder.join(format!("{number:05}.octets"));
    fs::rename(&fresh.file, &file).map_err(|error| file_error(&file, error))?;
    write_note(&file.with_extension("json"), &part)?;
    let tag = format!("\"{}\"", part.digest);
    if is_copy {
        let time = moment(part.modified);
        let body = format!(
            "<CopyPartResult xmlns=\"{NAMESPACE}\"><LastModified>{time}</LastModified>\
             <ETag>{tag}</ETag></CopyPartResult>"
        );
        return Ok(response(asked.id, &body));
    }
    let mut response = empty(StatusCode::OK, asked.id);
    let tag = tag.parse().expect("hexadecimal digits");
    response.headers_mut().insert("ETag", tag);
    Ok(response)
}

/// The octets of another object that are to be a part.
fn copied(asked: &Asked<'_>) -> Result<Vec<u8>, ApiError> {
    let (file, object) = source(asked)?;
    let wanted = asked.header("x-amz-copy-source-range");
    let part = match wanted.strip_prefix("bytes=") {
        None => 0..object.size,
        Some(text) => range(text, object.size)
            .filter(|it| it.start < object.size)
            .ok_or_else(|| {
                let message = "The requested range is not satisfiable";
                ApiError::client("InvalidRange", message)
            })?,
    };
    Store::read(&file, part)
}

/// The parts that have come, by their numbers.
fn parts(folder: &Path) -> BTreeMap<u32, Part> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|it| it.path());
    let numbered = files.filter_map(|file| {
        let number = file.file_stem()?.to_str()?.parse().ok()?;
        Some((number, read_note(&file.with_extension("json"))?))
    });
    numbered.collect()
}

/// `CompleteMultipartUpload`.
pub(super) fn complete(asked: &Asked<'_>) -> Answer {
    check_writing(asked)?;
    let (folder, upload) = upload_of(asked)?;
    let body = document(&content(asked.request)?)?;
    let wanted = body.children.iter().filter(|it| it.name == "Part");
    let wanted: Option<Vec<(u32, String)>> = wanted
        .map(|it| {
            let number = child(it, "PartNumber").parse().ok()?;
            Some((number, child(it, "ETag").trim_matches('"').to_owned()))
        })
        .collect();
    let wanted = wanted.filter(|it| !it.is_empty()).ok_or_else(malformed)?;
    let size = check(&wanted, &parts(&folder))?;
    let fresh = joined(asked, &folder, &wanted, size)?;
    let object = put(asked, fresh, upload.headers)?;
    fs::remove_dir_all(&folder).map_err(|error| file_error(&folder, error))?;
    let body = format!(
        "{}<Location>/{}/{}</Location><ETag>{}</ETag></CompleteMultipartUploadResult>",
        head(asked, "CompleteMultipartUploadResult"),
        escaped(&asked.bucket),
        escaped(&asked.key),
        object.tag
    );
    Ok(response(asked.id, &body))
}

/// Holds that the parts are there, in order and neither too small nor too large; gives the size of
/// all.
fn check(wanted: &[(u32, String)], there: &BTreeMap<u32, Part>) -> Result<u64, ApiError> {
    if wanted.windows(2).any(|it| it[0].0 >= it[1].0) {
        let message = "The list of parts was not in ascending order. Parts must be ordered by \
                       part number.";
        return Err(ApiError::client("InvalidPartOrder", message));
    }
    let mut size = 0;
    for (at, (number, digest)) in wanted.iter().enumerate() {
        let part = there.get(number).filter(|it| it.digest == *digest);
        let part = part.ok_or_else(|| {
            let message = "One or more of the specified parts could not be found. The part may not \
                           have been uploaded, or the specified entity tag may not match the \
                           part's entity tag.";
            ApiError::client("InvalidPart", message)
        })?;
        if at + 1 < wanted.len() && part.size < PART_AT_LEAST {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(ApiError::client("EntityTooSmall", message));
        }
        size += part.size;
    }
    match size <= OBJECT_AT_MOST {
        true => Ok(size),
        false => Err(too_large()),
    }
}

/// The parts one behind the other, as a file.
fn joined(
    asked: &Asked<'_>,
    folder: &Path,
    wanted: &[(u32, String)],
    size: u64,
) -> Result<Fresh, Refusal> {
    let file = asked.store.waiting(asked.id)?;
    let write = || -> io::Result<[u8; 16]> {
        let mut whole = File::create(&file)?;
        let mut tag = Md5::new();
        for (number, digest) in wanted {
            let mut part = File::open(folder.join(format!("{number:05}.octets")))?;
            io::copy(&mut part, &mut whole)?;
            let octets = (0..digest.len()).step_by(2);
            let octets = octets.map(|at| u8::from_str_radix(&digest[at..at + 2], 16));
            let octets: Result<Vec<u8>, _> = octets.collect();
            tag.update(&octets.map_err(io::Error::other)?);
        }
        Ok(tag.finalize().into())
    };
    let digest = write().map_err(|error| {
        fs::remove_file(&file).ok();
        file_error(&file, error)
    })?;
    let tag = quoted(&digest);
    let tag = format!("{}-{}\"", tag.trim_end_matches('"'), wanted.len());
    Ok(Fresh { file, size, tag })
}

/// `AbortMultipartUpload`.
pub(super) fn abort(asked: &Asked<'_>) -> Answer {
    asked.bucket_for("AbortMultipartUpload", &asked.key)?;
    let (folder, _) = upload_of(asked)?;
    fs::remove_dir_all(&folder).map_err(|error| file_error(&folder, error))?;
    Ok(empty(StatusCode::NO_CONTENT, asked.id))
}

/// `ListParts`, on one page: parts fit 10,000 there.
pub(super) fn list(asked: &Asked<'_>) -> Answer {
    asked.bucket_for("ListMultipartUploadParts", &asked.key)?;
    let (folder, _) = upload_of(asked)?;
    let shown = |(number, part): (u32, Part)| {
        let (time, digest, size) = (moment(part.modified), part.digest, part.size);
        format!(
            "<Part><PartNumber>{number}</PartNumber><LastModified>{time}</LastModified>\
             <ETag>\"{digest}\"</ETag><Size>{size}</Size></Part>"
        )
    };
    let after: u32 = asked.of("part-number-marker").parse().unwrap_or(0);
    let all = parts(&folder).into_iter().filter(|it| it.0 > after);
    let parts: String = all.map(shown).collect();
    let body = format!(
        "{}<UploadId>{}</UploadId><StorageClass>STANDARD</StorageClass><MaxParts>10000</MaxParts>\
         <IsTruncated>false</IsTruncated>{parts}</ListPartsResult>",
        head(asked, "ListPartsResult"),
        escaped(asked.of("uploadId"))
    );
    Ok(response(asked.id, &body))
}

/// `ListMultipartUploads`, on one page.
pub(super) fn uploads(asked: &Asked<'_>) -> Answer {
    asked.bucket_for("ListBucketMultipartUploads", "")?;
    let entries = fs::read_dir(asked.store.uploads(&asked.bucket));
    let entries = entries.into_iter().flatten().flatten();
    let mut found: Vec<(String, u64, String)> = entries
        .filter_map(|it| {
            let upload: Upload = read_note(&it.path().join("upload.json"))?;
            Some((upload.key, upload.begun, it.file_name().into_string().ok()?))
        })
        .filter(|it| it.0.starts_with(asked.of("prefix")))
        .collect();
    found.sort();
    let shown = |(key, begun, id): &(String, u64, String)| {
        let (key, begun) = (escaped(key), moment(*begun));
        format!(
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated>\
             <StorageClass>STANDARD</StorageClass></Upload>"
        )
    };
    let uploads: String = found.iter().map(shown).collect();
    let bucket = escaped(&asked.bucket);
    let body = format!(
        "<ListMultipartUploadsResult xmlns=\"{NAMESPACE}\"><Bucket>{bucket}</Bucket>\
         <IsTruncated>false</IsTruncated>{uploads}</ListMultipartUploadsResult>"
    );
    Ok(response(asked.id, &body))
}
