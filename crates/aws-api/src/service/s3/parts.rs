//! Uploads in parts: how clients put objects of more than a few MiB, several parts at once.
//!
//! The parts of an upload are files in a folder of its own, each with a note; nothing of them is an
//! object before the upload is complete. Then they are written one behind the other, and the entity
//! tag is that of AWS: the MD5 of the parts' MD5s, and how many there were.
//!
//! An upload that is begun with a checksum's algorithm has it of each part. Of one that is begun
//! without, parts may come with any; they are verified, and the object has S3's own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use http::StatusCode;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, hex};

use super::body::{child, document, empty, kept, malformed, octets, received};
use super::checksum::{self, Algorithm, Checksum, Kind};
use super::note::{Object, PartOf, file_error, quoted, read_note, write_note};
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
    /// The checksum that it was begun with.
    #[serde(default)]
    checksum: Option<(Algorithm, Kind)>,
}

/// One part that has come.
#[derive(Serialize, Deserialize)]
struct Part {
    modified: u64,
    size: u64,
    /// MD5 in hexadecimal digits.
    digest: String,
    #[serde(default)]
    checksum: Option<Checksum>,
}

/// A part that a client wants in the object.
struct Wanted {
    number: u32,
    digest: String,
    /// Name of the element and value of each checksum that is said of it.
    checksums: Vec<(String, String)>,
}

/// `CreateMultipartUpload`.
pub(super) fn create(asked: &Asked<'_>) -> Answer {
    check_writing(asked)?;
    let digest = hex(&Sha256::digest(format!("wirelab upload {}", asked.id)));
    let upload = Upload {
        key: asked.key.clone(),
        begun: asked.store.now(),
        headers: kept(asked.request.headers())?,
        checksum: checksum::wanted_of_parts(asked.request.headers())?,
    };
    let folder = asked.store.uploads(&asked.bucket).join(&digest);
    write_note(&folder.join("upload.json"), &upload)?;
    let body = format!(
        "{}<UploadId>{digest}</UploadId></InitiateMultipartUploadResult>",
        head(asked, "InitiateMultipartUploadResult")
    );
    let mut response = response(asked.id, &body);
    if let Some((algorithm, kind)) = upload.checksum {
        let value = http::HeaderValue::from_static;
        let headers = response.headers_mut();
        headers.insert("x-amz-checksum-algorithm", value(algorithm.name()));
        headers.insert("x-amz-checksum-type", value(kind.name()));
    }
    Ok(response)
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
    let (folder, upload) = upload_of(asked)?;
    let number: Option<u32> = asked.of("partNumber").parse().ok();
    let number = number.filter(|it| NUMBERS.contains(it)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        ApiError::client("InvalidArgument", message)
    })?;
    if asked.request.headers().contains_key("x-amz-copy-source") {
        let octets = copied(asked)?;
        let checksum = upload.checksum.map(|it| Checksum::of(it.0, &octets));
        let part = keep(asked, (&folder, number), &octets, checksum)?;
        let (time, digest) = (moment(part.modified), part.digest);
        let checksum = part.checksum.map(|it| it.element()).unwrap_or_default();
        let body = format!(
            "<CopyPartResult xmlns=\"{NAMESPACE}\"><LastModified>{time}</LastModified>\
             <ETag>\"{digest}\"</ETag>{checksum}</CopyPartResult>"
        );
        return Ok(response(asked.id, &body));
    }
    let (octets, said) = received(asked.request)?;
    checksum::check_part(upload.checksum, said.as_ref())?;
    let computed = || upload.checksum.map(|it| Checksum::of(it.0, &octets));
    let checksum = said.clone().or_else(computed);
    let part = keep(asked, (&folder, number), &octets, checksum)?;
    let mut response = empty(StatusCode::OK, asked.id);
    let tag = format!("\"{}\"", part.digest);
    let tag = tag.parse().expect("hexadecimal digits");
    response.headers_mut().insert("ETag", tag);
    if let Some(checksum) = said {
        checksum.tell_value(response.headers_mut());
    }
    Ok(response)
}

/// Keeps a part, in place of one of its number.
fn keep(
    asked: &Asked<'_>,
    (folder, number): (&Path, u32),
    octets: &[u8],
    checksum: Option<Checksum>,
) -> Result<Part, Refusal> {
    let part = Part {
        modified: asked.store.now(),
        size: octets.len() as u64,
        digest: hex(&Md5::digest(octets)),
        checksum,
    };
    let fresh = asked.store.write(octets, asked.id)?;
    let file = folder.join(format!("{number:05}.octets"));
    fs::rename(&fresh.file, &file).map_err(|error| file_error(&file, error))?;
    write_note(&file.with_extension("json"), &part)?;
    Ok(part)
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

/// `CompleteMultipartUpload`. A checksum in its headers is the object's, not its body's.
pub(super) fn complete(asked: &Asked<'_>) -> Answer {
    check_writing(asked)?;
    let (folder, upload) = upload_of(asked)?;
    let wanted = wanted(asked)?;
    let there = parts(&folder);
    let size = check(&wanted, &there, upload.checksum)?;
    check_size(asked, size)?;
    let fresh = joined(asked, &folder, &wanted, size)?;
    let told = told(asked, &fresh, &wanted, (&there, upload.checksum));
    let checksum = told.inspect_err(|_| drop(fs::remove_file(&fresh.file)))?;
    let part_of = |it: &Wanted| {
        let part = &there[&it.number];
        let checksum = part.checksum.clone().filter(|_| upload.checksum.is_some());
        PartOf {
            number: it.number,
            size: part.size,
            checksum,
        }
    };
    let noted = Object {
        headers: upload.headers,
        parts: wanted.iter().map(part_of).collect(),
        checksum: Some(checksum.clone()),
        ..Object::default()
    };
    let object = put(asked, fresh, noted)?;
    fs::remove_dir_all(&folder).map_err(|error| file_error(&folder, error))?;
    let body = format!(
        "{}<Location>/{}/{}</Location><ETag>{}</ETag>{}</CompleteMultipartUploadResult>",
        head(asked, "CompleteMultipartUploadResult"),
        escaped(&asked.bucket),
        escaped(&asked.key),
        object.tag,
        checksum.elements()
    );
    Ok(response(asked.id, &body))
}

/// The parts that the request names.
fn wanted(asked: &Asked<'_>) -> Result<Vec<Wanted>, ApiError> {
    let body = document(&octets(asked.request)?.0)?;
    let parts = body.children.iter().filter(|it| it.name == "Part");
    let parts: Option<Vec<Wanted>> = parts
        .map(|it| {
            let checksums = it.children.iter();
            let checksums = checksums.filter(|it| it.name.starts_with("Checksum"));
            Some(Wanted {
                number: child(it, "PartNumber").parse().ok()?,
                digest: child(it, "ETag").trim_matches('"').to_owned(),
                checksums: checksums
                    .map(|it| (it.name.clone(), it.text.clone()))
                    .collect(),
            })
        })
        .collect();
    parts.filter(|it| !it.is_empty()).ok_or_else(malformed)
}

/// Holds that the parts are there, in order and neither too small nor too large; gives the size of
/// all.
fn check(
    wanted: &[Wanted],
    there: &BTreeMap<u32, Part>,
    checksum: Option<(Algorithm, Kind)>,
) -> Result<u64, ApiError> {
    // With checksums of parts they are 1, 2 and so on (Amazon S3 API Reference, "CompletedPart").
    let is_composite = checksum.is_some_and(|it| it.1 == Kind::Composite);
    let is_next = |it: &[Wanted]| match is_composite {
        true => it[0].number + 1 == it[1].number,
        false => it[0].number < it[1].number,
    };
    if !wanted.windows(2).all(is_next) || (is_composite && wanted[0].number != 1) {
        let message = "The list of parts was not in ascending order. Parts must be ordered by \
                       part number.";
        return Err(ApiError::client("InvalidPartOrder", message));
    }
    let mut size = 0;
    for (at, it) in wanted.iter().enumerate() {
        let part = there
            .get(&it.number)
            .filter(|part| part.digest == it.digest);
        let part = part.ok_or_else(invalid_part)?;
        check_said(it, part, checksum)?;
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

fn invalid_part() -> ApiError {
    let message = "One or more of the specified parts could not be found. The part may not have \
                   been uploaded, or the specified entity tag may not match the part's entity tag.";
    ApiError::client("InvalidPart", message)
}

/// Holds that what is said of a part's checksum is so, and is said where it has to be.
fn check_said(
    wanted: &Wanted,
    part: &Part,
    checksum: Option<(Algorithm, Kind)>,
) -> Result<(), ApiError> {
    let is_so = |(name, value): &(String, String)| {
        let its = part.checksum.as_ref();
        its.is_some_and(|it| {
            name.strip_prefix("Checksum") == Some(it.algorithm.name()) && it.value == *value
        })
    };
    if !wanted.checksums.iter().all(is_so) {
        return Err(invalid_part());
    }
    match checksum {
        Some((algorithm, Kind::Composite)) if wanted.checksums.is_empty() => {
            let (name, number) = (algorithm.name().to_ascii_lowercase(), wanted.number);
            let message = format!(
                "The upload was created using a {name} checksum. The complete request must \
                 include the checksum for each part. It was missing for part {number} in the \
                 request."
            );
            Err(ApiError::client("InvalidRequest", message))
        }
        _ => Ok(()),
    }
}

/// Holds that the object is as large as the client says.
fn check_size(asked: &Asked<'_>, size: u64) -> Result<(), ApiError> {
    match asked.header("x-amz-mp-object-size") {
        "" => Ok(()),
        said if said.parse() == Ok(size) => Ok(()),
        _ => {
            let message = "The provided 'x-amz-mp-object-size' header does not match what was \
                           computed";
            Err(ApiError::client("InvalidRequest", message))
        }
    }
}

/// The checksum of the whole, which is the one that the client says, if it says one.
fn told(
    asked: &Asked<'_>,
    fresh: &Fresh,
    wanted: &[Wanted],
    (there, of_upload): (&BTreeMap<u32, Part>, Option<(Algorithm, Kind)>),
) -> Result<Checksum, ApiError> {
    let (algorithm, kind) = of_upload.unwrap_or((Algorithm::DEFAULT, Kind::FullObject));
    let checksum = match kind {
        Kind::FullObject => Checksum::of_file(algorithm, &fresh.file)?,
        Kind::Composite => {
            let parts = wanted.iter().filter_map(|it| there.get(&it.number));
            let parts = parts.filter_map(|it| Some(it.checksum.as_ref()?.value.as_str()));
            Checksum::composite(algorithm, &parts.collect::<Vec<_>>())
        }
    };
    let said = asked.header("x-amz-checksum-type");
    if !said.is_empty() && !said.eq_ignore_ascii_case(kind.name()) {
        let kind = kind.name();
        let message = format!(
            "The upload was created using the {kind} checksum mode. The complete request must use \
             the same checksum mode."
        );
        return Err(ApiError::client("BadDigest", message));
    }
    match checksum::claimed(asked.request.headers())? {
        None => Ok(checksum),
        Some((other, _)) if other != algorithm => Err(checksum::mismatch(algorithm, Some(other))),
        Some((_, value)) if value == checksum.value => Ok(checksum),
        Some(_) => Err(checksum::bad_digest(algorithm)),
    }
}

/// The parts one behind the other, as a file.
fn joined(
    asked: &Asked<'_>,
    folder: &Path,
    wanted: &[Wanted],
    size: u64,
) -> Result<Fresh, Refusal> {
    let file = asked.store.waiting(asked.id)?;
    let write = || -> io::Result<[u8; 16]> {
        let mut whole = File::create(&file)?;
        let mut tag = Md5::new();
        for Wanted { number, digest, .. } in wanted {
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
    let (folder, upload) = upload_of(asked)?;
    let shown = |(number, part): (u32, Part)| {
        let (time, digest, size) = (moment(part.modified), part.digest, part.size);
        let checksum = part.checksum.map(|it| it.element()).unwrap_or_default();
        format!(
            "<Part><PartNumber>{number}</PartNumber><LastModified>{time}</LastModified>\
             <ETag>\"{digest}\"</ETag><Size>{size}</Size>{checksum}</Part>"
        )
    };
    let after: u32 = asked.of("part-number-marker").parse().unwrap_or(0);
    let all = parts(&folder).into_iter().filter(|it| it.0 > after);
    let parts: String = all.map(shown).collect();
    let body = format!(
        "{}<UploadId>{}</UploadId><StorageClass>STANDARD</StorageClass><MaxParts>10000</MaxParts>\
         <IsTruncated>false</IsTruncated>{}{parts}</ListPartsResult>",
        head(asked, "ListPartsResult"),
        escaped(asked.of("uploadId")),
        begun_with(&upload)
    );
    Ok(response(asked.id, &body))
}

/// `ListMultipartUploads`, on one page.
pub(super) fn uploads(asked: &Asked<'_>) -> Answer {
    asked.bucket_for("ListBucketMultipartUploads", "")?;
    let entries = fs::read_dir(asked.store.uploads(&asked.bucket));
    let entries = entries.into_iter().flatten().flatten();
    let mut found: Vec<(Upload, String)> = entries
        .filter_map(|it| {
            let upload: Upload = read_note(&it.path().join("upload.json"))?;
            Some((upload, it.file_name().into_string().ok()?))
        })
        .filter(|it| it.0.key.starts_with(asked.of("prefix")))
        .collect();
    found.sort_by(|one, other| {
        let place = |it: &(Upload, String)| (it.0.key.clone(), it.0.begun, it.1.clone());
        place(one).cmp(&place(other))
    });
    let shown = |(upload, id): &(Upload, String)| {
        let (key, begun) = (escaped(&upload.key), moment(upload.begun));
        let checksum = begun_with(upload);
        format!(
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated>\
             <StorageClass>STANDARD</StorageClass>{checksum}</Upload>"
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

/// The checksum that an upload was begun with, in lists.
fn begun_with(upload: &Upload) -> String {
    let of = |(algorithm, kind)| checksum::elements_of(algorithm, kind);
    upload.checksum.map(of).unwrap_or_default()
}
