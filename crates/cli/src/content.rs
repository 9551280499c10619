//! Where labs and scenarios are read from: the tree an author works in, or the copy in the binary.

use std::path::PathBuf;

use wirelab_session::Content;

use crate::failure::Failure;

/// `(path, bytes)` of every file below `labs` and `scenarios` when the binary was built.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/content.rs"));

/// `WIRELAB_CONTENT`; else the nearest folder above with `labs` and `scenarios`; else the binary's
/// own copy, unpacked into the cache folder.
pub(crate) fn find() -> Result<Content, Failure> {
    if let Some(root) = std::env::var_os("WIRELAB_CONTENT").map(PathBuf::from) {
        let holds = root.join("labs").is_dir() && root.join("scenarios").is_dir();
        let shown = root.display();
        return if holds {
            Ok(Content::new(root))
        } else {
            Err(
                Failure::usage(format!("`{shown}` has no `labs` and `scenarios`"))
                    .hint("WIRELAB_CONTENT names their folder; unset it for the built-in labs"),
            )
        };
    }
    match Content::find(&std::env::current_dir()?) {
        Some(content) => Ok(content),
        None => Ok(Content::new(unpacked()?)),
    }
}

/// Whether these are the labs that came with the binary.
pub(crate) fn is_built_in(content: &Content) -> bool {
    content.root().join(".complete").is_file()
}

/// Which folders were looked in, and what would be found there.
pub(crate) fn looked_in(content: &Content) -> String {
    let form = "labs/NAME/lab.toml and scenarios/NAME/scenario.toml";
    if !is_built_in(content) {
        return format!("looked in {}, for {form}", content.root().display());
    }
    let here = std::env::current_dir().unwrap_or_default();
    format!(
        "only the built-in labs were looked at: neither {} nor a folder above it has both `labs` \
         and `scenarios`; labs of your own are {form} in one that has",
        here.display()
    )
}

/// Writes the embedded files into the cache once a build; the marker comes last, so that a copy cut
/// short is made again.
fn unpacked() -> Result<PathBuf, Failure> {
    let root = cached("content", fingerprint())?;
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

/// The folder of the cache for what one build holds of a kind, told by its hash.
pub(crate) fn cached(kind: &str, hash: u64) -> Result<PathBuf, Failure> {
    Ok(cache_folder()?.join(format!("{kind}-{hash:016x}")))
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

/// Tells one build's content from another's, by names and octets.
fn fingerprint() -> u64 {
    let files = EMBEDDED.iter();
    fnv(files.flat_map(|(name, octets)| name.bytes().chain([0]).chain(octets.iter().copied())))
}

/// FNV-1a.
pub(crate) fn fnv(octets: impl Iterator<Item = u8>) -> u64 {
    octets.fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
