//! The file behind the name on the command line: it is read twice, so what comes through a pipe
//! is kept in a temporary file meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};

use crate::failure::Failure;

/// A pipe that gives more than this is refused: 4 GiB.
const MOST: u64 = 4 << 30;
/// How long a pipe may be without a writer before it is given up.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// A capture that can be read from its start more than once.
pub(super) struct Input {
    /// What it is called on the command line.
    name: PathBuf,
    kept: Option<Kept>,
}

/// A temporary file, gone when it is not needed any more.
struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

impl Input {
    /// `-` is the standard input.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let named = |kept: Option<Kept>| Self {
            name: path.to_owned(),
            kept,
        };
        if path.as_os_str() == "-" {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(Failure::usage("the standard input is a terminal")
                    .hint("tcpdump ... -w - | wirelab replay -"));
            }
            let kept = keep(stdin.lock(), "the standard input")?;
            return Ok(Self {
                name: "the standard input".into(),
                kept: Some(kept),
            });
        }
        // What does not exist is the reader's to say.
        let kind = match std::fs::metadata(path) {
            Ok(metadata) => metadata.file_type(),
            Err(_) => return Ok(named(None)),
        };
        if kind.is_dir() {
            return Err(Failure::usage(format!("`{}` is a folder", path.display())));
        }
        if kind.is_file() {
            return Ok(named(None));
        }
        let shown = format!("`{}`", path.display());
        let kept = if kind.is_fifo() {
            keep(open_pipe(path)?, &shown)?
        } else {
            let file = File::open(path).map_err(|error| unreadable(&shown, &error))?;
            keep(file, &shown)?
        };
        Ok(named(Some(kept)))
    }

    /// What it is called.
    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// The file to read.
    pub(super) fn path(&self) -> &Path {
        self.kept.as_ref().map_or(&self.name, |kept| &kept.0)
    }
}

/// Opens a pipe without waiting for ever for someone to write to it.
fn open_pipe(path: &Path) -> Result<impl Read + use<>, Failure> {
    let shown = format!("`{}`", path.display());
    let mut pipe = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(|error| unreadable(&shown, &error))?;
    let start = first_octets(&mut pipe, path)?;
    fcntl_setfl(&pipe, OFlags::empty()).map_err(|error| unreadable(&shown, &error.into()))?;
    Ok(io::Cursor::new(start).chain(pipe))
}

/// What is in the pipe already. Without a writer there is the end of the file; with one that has
/// written nothing yet, `WouldBlock`.
fn first_octets(pipe: &mut File, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut start = vec![0; 4096];
    let mut waited = Duration::ZERO;
    loop {
        match pipe.read(&mut start) {
            Ok(0) if waited < PATIENCE => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            Ok(0) => {
                let message = format!("nobody writes to the pipe `{}`", path.display());
                return Err(Failure::usage(message)
                    .hint(format!("`tcpdump ... -w {}` does", path.display())));
            }
            Ok(count) => {
                start.truncate(count);
                return Ok(start);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&format!("`{}`", path.display()), &error)),
        }
    }
}

/// Copies a pipe to a file of its own that nobody else can read.
fn keep(source: impl Read, shown: &str) -> Result<Kept, Failure> {
    let (kept, mut file) = create()?;
    let copied = copy(source, &mut file).map_err(|error| unreadable(shown, &error))?;
    if copied > MOST {
        let most = MOST >> 30;
        return Err(
            Failure::usage(format!("{shown} gives more than {most} GiB"))
                .hint("write it to a file first; files may have any size"),
        );
    }
    Ok(kept)
}

fn copy(source: impl Read, file: &mut File) -> io::Result<u64> {
    let copied = io::copy(&mut source.take(MOST + 1), file)?;
    file.flush()?;
    Ok(copied)
}

fn create() -> Result<(Kept, File), Failure> {
    let folder = std::env::temp_dir();
    let process = std::process::id();
    for attempt in 0..1000 {
        let path = folder.join(format!("wirelab-replay-{process}-{attempt}.pcap"));
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match opened {
            Ok(file) => return Ok((Kept(path), file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                let message = format!("cannot write to `{}`: {error}", folder.display());
                return Err(Failure::environment(message).hint("`TMPDIR` names another folder"));
            }
        }
    }
    Err(Failure::environment(format!(
        "`{}` is full of files of replays that were killed",
        folder.display()
    )))
}

fn unreadable(shown: &str, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read {shown}: {error}"))
}
