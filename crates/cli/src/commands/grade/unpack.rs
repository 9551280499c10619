//! Archives of submissions, as learning platforms hand them out.
//!
//! ```text
//! class.zip ─▶ ada/nacl.json, bob/nacl.json, ..  ─▶ files of their own in a scratch folder
//! ada.json.gz ─▶ one file
//! ```
//!
//! What is in an archive is graded as if it had been a folder; results name `ada/nacl.json` of one
//! that was named itself, `class.zip/ada/nacl.json` of one in a folder. Names of members are never
//! ways on the disk. An archive unpacks to no more than [`Bounds`] allow: what comes beyond, or
//! after damage, is not read, and the archive itself is listed with the reason.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};
use tempfile::TempDir;
use wirelab_grader::batch::{Limits, Status, too_large};

use super::find::{Found, is_handed_in, plain};
use super::store::ENDING;
use crate::failure::Failure;

/// An archive may have so many members.
const MEMBERS: usize = 20_000;
/// It may unpack to so many times its size, which no journal comes near; deflate ends at 1,032.
const RATIO: u64 = 200;
/// Below this the ratio is not asked for.
const SMALL: u64 = 16 << 20;
/// It may unpack to so much at all.
const LARGEST: u64 = 256 << 20;
/// A part of a member's name may have so many octets: results are files called by it.
const NAME: usize = 200;

/// The folder where members are while they are graded; gone when dropped.
pub(super) struct Scratch {
    folder: TempDir,
    files: usize,
    /// What was found that is no submission.
    pub(super) others: Vec<String>,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("wirelab-grade-").tempdir();
        Ok(Self {
            folder: folder.map_err(Failure::environment)?,
            files: 0,
            others: Vec::new(),
        })
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<PathBuf> {
        self.files += 1;
        let path = self.folder.path().join(self.files.to_string());
        std::fs::write(&path, octets)?;
        Ok(path)
    }
}

/// Whether a file holds others; one that cannot be read holds none.
pub(super) fn is_container(path: &Path) -> bool {
    let kind = kind(path).ok().flatten();
    kind.is_some_and(|kind| kind != Kind::Gzip)
}

/// What is in the file called `name`: itself, or what it unpacks to.
pub(super) fn unpack(name: String, path: PathBuf, scratch: &mut Scratch) -> Vec<Found> {
    let Ok(Some(kind)) = kind(&path) else {
        // What cannot be read is said when it is graded.
        return vec![Found::file(name, path)];
    };
    let mut members = Members {
        archive: name,
        scratch,
        found: Vec::new(),
        names: BTreeSet::new(),
    };
    let all = catch_unwind(AssertUnwindSafe(|| members.all(kind, &path)));
    let trouble = match all {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some((status(&error), error.to_string())),
        Err(_) => Some((
            Status::OurFault,
            "wirelab panicked as it unpacked".to_owned(),
        )),
    };
    if let Some((status, reason)) = trouble {
        let read = match members.found.len() {
            0 => String::new(),
            read => format!("; of what is in it, {read} came before that"),
        };
        let name = members.archive.clone();
        members
            .found
            .push(Found::trouble(name, path, status, reason + &read));
    } else if members.found.is_empty() {
        let (name, reason) = (members.archive.clone(), "there is no submission in it");
        members.found.push(Found::trouble(
            name,
            path,
            Status::Unreadable,
            reason.to_owned(),
        ));
    }
    members.found
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zip,
    Tar,
    Gzip,
    TarGzip,
}

/// By what the file begins with; `None`: it is not packed.
fn kind(path: &Path) -> io::Result<Option<Kind>> {
    let mut head = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut head)?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Some(Kind::Zip));
    }
    if is_tar(&head) {
        return Ok(Some(Kind::Tar));
    }
    if !head.starts_with(&[0x1f, 0x8b]) {
        return Ok(None);
    }
    let mut inner = Vec::new();
    let unpacked = MultiGzDecoder::new(BufReader::new(File::open(path)?));
    // One that is damaged here is found to be when it is read.
    unpacked.take(512).read_to_end(&mut inner).ok();
    Ok(Some(if is_tar(&inner) {
        Kind::TarGzip
    } else {
        Kind::Gzip
    }))
}

fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// What an archive has to offer, member by member.
struct Members<'s> {
    archive: String,
    scratch: &'s mut Scratch,
    found: Vec<Found>,
    names: BTreeSet<String>,
}

impl Members<'_> {
    fn all(&mut self, kind: Kind, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        let bounds = Bounds::of(file.metadata()?.len());
        match kind {
            Kind::Zip => self.zip(file, bounds),
            Kind::Tar => self.tar(bounds.on(BufReader::new(file))),
            Kind::TarGzip => self.tar(bounds.on(MultiGzDecoder::new(BufReader::new(file)))),
            Kind::Gzip => {
                let name = self.archive.clone();
                self.take(name, bounds.on(MultiGzDecoder::new(BufReader::new(file))))
            }
        }
    }

    fn tar(&mut self, packed: impl Read) -> io::Result<()> {
        let mut archive = tar::Archive::new(packed);
        for (number, entry) in archive.entries()?.enumerate() {
            let entry = entry?;
            not_beyond(number)?;
            if entry.header().entry_type().is_file()
                && let Some(name) = self.name(&entry.path_bytes(), number)
            {
                self.take(name, entry)?;
            }
        }
        Ok(())
    }

    fn zip(&mut self, file: File, bounds: Bounds) -> io::Result<()> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer).map_err(damaged)?;
        let mut listed = Vec::new();
        let mut entries = archive.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(damaged)? {
            not_beyond(listed.len())?;
            let name = entry.file_path().as_ref().to_vec();
            let is_encrypted = entry.flags().is_encrypted();
            listed.push((
                name,
                entry.compression_method(),
                is_encrypted,
                entry.wayfinder(),
            ));
        }
        let mut left = bounds.octets;
        for (number, (name, method, is_encrypted, wayfinder)) in listed.into_iter().enumerate() {
            let Some(name) = self.name(&name, number) else {
                continue;
            };
            let entry = match archive.get_entry(wayfinder) {
                Ok(entry) => entry,
                Err(error) => {
                    self.list(name, Status::Unreadable, &error.to_string());
                    continue;
                }
            };
            match (is_encrypted, method) {
                (false, CompressionMethod::STORE) => {
                    let plain = entry.verifying_reader(entry.reader());
                    self.counted(name, plain, &mut left)?;
                }
                (false, CompressionMethod::DEFLATE) => {
                    let plain = DeflateDecoder::new(BufReader::new(entry.reader()));
                    self.counted(name, entry.verifying_reader(plain), &mut left)?;
                }
                _ => {
                    let reason = "it is encrypted, or packed in a way that is not read here";
                    self.list(name, Status::Refused, reason);
                }
            }
        }
        Ok(())
    }

    /// A damaged member of a zip file costs no other: each is packed for itself.
    fn counted(&mut self, name: String, plain: impl Read, left: &mut u64) -> io::Result<()> {
        let mut bounded = Bounds { octets: *left }.on(plain);
        let taken = self.take(name.clone(), &mut bounded);
        *left = bounded.left;
        match taken {
            Err(error) if !is_beyond(&error) => {
                self.list(name, Status::Unreadable, &error.to_string());
                Ok(())
            }
            taken => taken,
        }
    }

    /// Writes a member to a file of its own, unless it is larger than a submission may be.
    fn take(&mut self, name: String, mut plain: impl Read) -> io::Result<()> {
        let limits = Limits::default();
        let most = limits.octets as u64;
        let mut octets = Vec::new();
        (&mut plain).take(most + 1).read_to_end(&mut octets)?;
        if octets.len() as u64 > most {
            self.list(name, Status::Refused, &too_large(&limits));
            return Ok(());
        }
        let path = self.scratch.write(&octets)?;
        self.found.push(Found::file(name, path));
        Ok(())
    }

    fn list(&mut self, name: String, status: Status, reason: &str) {
        let trouble = Found::trouble(name, PathBuf::new(), status, reason.to_owned());
        self.found.push(trouble);
    }

    /// What results call a member: a way below the archive, or its number if its name is none;
    /// `None`: it is not handed in.
    fn name(&mut self, octets: &[u8], number: usize) -> Option<String> {
        // Some programs write the separators of their own system.
        let said = String::from_utf8_lossy(octets).replace('\\', "/");
        let parts: Vec<&str> = said.split('/').collect();
        let last = parts.last().copied().unwrap_or_default();
        let is_hidden = |part: &&str| part.starts_with('.') && !["..", "."].contains(part);
        if last.is_empty() || parts.contains(&"__MACOSX") || parts.iter().any(is_hidden) {
            return None;
        }
        let shown: String = said.chars().map(plain).take(1000).collect();
        if !Path::new(last).extension().is_some_and(is_handed_in) {
            let other = format!("{}/{shown}", self.archive);
            self.scratch.others.push(other);
            return None;
        }
        let is_way = |part: &&str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.len() <= NAME
                && !part.ends_with(ENDING)
        };
        let whole = parts.iter().all(is_way) && said.len() <= 1000;
        let mut name = match whole {
            true => format!("{}/{shown}", self.archive),
            false => format!("{}/member {number}.json", self.archive),
        };
        if !self.names.insert(name.clone()) {
            name = format!("{}/member {number}.json", self.archive);
            self.names.insert(name.clone());
        }
        Some(name)
    }
}

/// How much an archive may unpack to.
#[derive(Clone, Copy)]
struct Bounds {
    octets: u64,
}

impl Bounds {
    /// For an archive of that size.
    fn of(size: u64) -> Self {
        let octets = size.saturating_mul(RATIO).clamp(SMALL, LARGEST);
        Self { octets }
    }

    const fn on<R>(self, inner: R) -> Bounded<R> {
        Bounded {
            inner,
            left: self.octets,
        }
    }
}

/// A reader that fails when it has given what it may.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(beyond("it unpacks to far more than a class hands in")),
        }
    }
}

fn not_beyond(number: usize) -> io::Result<()> {
    match number {
        MEMBERS.. => Err(beyond("it has more than 20,000 members")),
        _ => Ok(()),
    }
}

fn beyond(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, reason)
}

fn is_beyond(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::QuotaExceeded
}

fn damaged(error: rawzip::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Whose fault it is that an archive was not read to its end: a full disk is not the archive's.
fn status(error: &io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => Status::Refused,
        io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied => Status::OurFault,
        _ => Status::Unreadable,
    }
}
