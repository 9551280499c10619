//! Where labs and scenarios are read from: the tree an author works in, or the copy in the binary.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// `(path, bytes)` of every file below `labs` and `scenarios` when the binary was built.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/content.rs"));

/// A folder with `labs` and `scenarios` in it.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    root: PathBuf,
}

impl Content {
    /// `WIRELAB_CONTENT`; else the nearest folder above with `labs` and `scenarios`; else the
    /// binary's own copy, unpacked into the cache folder.
    pub(crate) fn find() -> Result<Self, Failure> {
        if let Some(root) = std::env::var_os("WIRELAB_CONTENT") {
            return Self::at(PathBuf::from(root));
        }
        let here = std::env::current_dir()?;
        match here.ancestors().find(|folder| is_content(folder)) {
            Some(root) => Self::at(root.to_owned()),
            None => Self::at(unpacked()?),
        }
    }

    fn at(root: PathBuf) -> Result<Self, Failure> {
        if is_content(&root) {
            return Ok(Self { root });
        }
        Err(Failure::usage(format!(
            "`{}` has no `labs` and `scenarios`",
            root.display()
        ))
        .hint("WIRELAB_CONTENT names the folder that holds both; unset it for the built-in labs"))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the lab `name`.
    pub(crate) fn lab(&self, name: &str) -> PathBuf {
        self.root.join("labs").join(name)
    }

    /// Names of all labs, in order.
    pub(crate) fn labs(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.root.join("labs"))? {
            let path = entry?.path();
            if path.join("lab.toml").is_file() {
                names.extend(
                    path.file_name()
                        .map(|name| name.to_string_lossy().into_owned()),
                );
            }
        }
        names.sort();
        Ok(names)
    }
}

fn is_content(folder: &Path) -> bool {
    folder.join("labs").is_dir() && folder.join("scenarios").is_dir()
}

/// Writes the embedded files into the cache once a build; the marker comes last, so that a copy cut
/// short is made again.
fn unpacked() -> Result<PathBuf, Failure> {
    let root = cache_folder()?.join(format!("content-{:016x}", fingerprint()));
    let marker = root.join(".complete");
    if marker.is_file() {
        return Ok(root);
    }
    for (name, bytes) in EMBEDDED {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        std::fs::write(path, bytes)?;
    }
    std::fs::write(marker, "")?;
    Ok(root)
}

/// The XDG cache folder of wirelab.
fn cache_folder() -> Result<PathBuf, Failure> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("wirelab"))
        .ok_or_else(|| {
            Failure::environment("neither XDG_CACHE_HOME nor HOME names a folder for the labs")
        })
}

/// FNV-1a over names and bytes: tells one build's content from another's.
fn fingerprint() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, bytes) in EMBEDDED {
        for byte in name.bytes().chain([0]).chain(bytes.iter().copied()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}
