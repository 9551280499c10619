//! What is known of buckets and objects beyond their octets, each in a small file of JSON.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::Md5;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, hex};
use wirelab_session::SessionError;

use super::checksum::Checksum;
use crate::service::Refusal;

/// What is known of a bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Bucket {
    /// The account that has made it.
    pub(super) account: String,
    pub(super) region: String,
    /// Virtual UTC in whole seconds.
    pub(super) created: u64,
    /// The policy as it was put.
    pub(super) policy: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    #[serde(default)]
    pub(super) block: Option<PublicAccessBlock>,
}

/// How a bucket keeps the public out (Amazon S3 User Guide, "Blocking public access to your Amazon
/// S3 storage"). Buckets that are made have all four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PublicAccessBlock {
    pub(super) block_public_acls: bool,
    pub(super) ignore_public_acls: bool,
    pub(super) block_public_policy: bool,
    pub(super) restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    pub(super) const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// The members by their names in the API.
    pub(super) fn members(self) -> [(&'static str, bool); 4] {
        [
            ("BlockPublicAcls", self.block_public_acls),
            ("IgnorePublicAcls", self.ignore_public_acls),
            ("BlockPublicPolicy", self.block_public_policy),
            ("RestrictPublicBuckets", self.restrict_public_buckets),
        ]
    }

    pub(super) fn member(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "BlockPublicAcls" => &mut self.block_public_acls,
            "IgnorePublicAcls" => &mut self.ignore_public_acls,
            "BlockPublicPolicy" => &mut self.block_public_policy,
            "RestrictPublicBuckets" => &mut self.restrict_public_buckets,
            _ => return None,
        })
    }
}

/// What is known of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) key: String,
    /// Virtual UTC in whole seconds.
    pub(super) modified: u64,
    pub(super) size: u64,
    /// In quotation marks.
    pub(super) tag: String,
    /// What the client has said of it: names in small letters.
    pub(super) headers: BTreeMap<String, String>,
    /// Of one that the lab or a service has written it is made when somebody asks.
    #[serde(default)]
    pub(super) checksum: Option<Checksum>,
    /// Those that it came in.
    #[serde(default)]
    pub(super) parts: Vec<PartOf>,
}

/// A part that an object came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartOf {
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) checksum: Option<Checksum>,
}

/// Where the note of an object is.
pub(super) fn note_of(notes: &Path, bucket: &str, key: &str) -> PathBuf {
    let name = hex(&Sha256::digest(key));
    notes.join(bucket).join(format!("objects/{name}.json"))
}

/// An entity tag of a digest.
pub(super) fn quoted(digest: &[u8]) -> String {
    format!("\"{}\"", hex(digest))
}

/// The MD5 of a file, read piece by piece.
pub(super) fn digest(file: &Path) -> Result<[u8; 16], ApiError> {
    let read = || -> io::Result<[u8; 16]> {
        let mut opened = File::open(file)?;
        let (mut digest, mut piece) = (Md5::new(), vec![0; 64 << 10]);
        loop {
            match opened.read(&mut piece)? {
                0 => return Ok(digest.finalize().into()),
                length => digest.update(&piece[..length]),
            }
        }
    };
    read().map_err(|why| unreadable(file, &why))
}

/// A note; `None` if it is not there or cannot be read.
pub(super) fn read_note<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a note whole or not at all.
pub(super) fn write_note<T: Serialize>(path: &Path, note: &T) -> Result<(), Refusal> {
    let text = serde_json::to_vec(note).expect("plain members");
    let unnamed = path.with_extension("new");
    let written = fs::create_dir_all(path.parent().expect("a note is in a folder"))
        .and_then(|()| fs::write(&unnamed, text))
        .and_then(|()| fs::rename(&unnamed, path));
    written.map_err(|error| file_error(path, error))
}

pub(super) fn file_error(path: &Path, error: io::Error) -> Refusal {
    let path = path.to_owned();
    SessionError::File { path, error }.into()
}

pub(super) fn unreadable(file: &Path, why: &io::Error) -> ApiError {
    ApiError::client("SessionError", format!("{}: {why}", file.display()))
}

pub(super) fn not_found(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}
