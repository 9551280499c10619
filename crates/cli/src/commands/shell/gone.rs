//! Programs for shells that have no endpoint: they refuse.
//!
//! A shell keeps its `PATH` when its endpoint ends, and the endpoint's own folder goes. What comes
//! behind it in `PATH` would then be the real `aws` and the machine's `date`. So a second folder
//! stands between the two, one for all shells of the user, that nobody ever removes; its programs
//! say that there is no endpoint, and run nothing. A shell for which no endpoint could be started
//! gets it first in its `PATH`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::before::BEFORE;
use super::surroundings::{FOLDER_PREFIX, path_with, without_proxy};
use super::syntax::Syntax;
use super::{before, tools};
use crate::failure::Failure;

/// The folder of the refusing programs, made if it is not there.
pub(crate) fn folder() -> Result<PathBuf, Failure> {
    let name = format!("{FOLDER_PREFIX}gone");
    if let Some(state) = state_folder() {
        let bin = state.join(name).join("bin");
        if tools::write_refusing(&bin).is_ok() {
            return Ok(bin);
        }
    }
    // A home that cannot be written to. The folder must outlive this process.
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix(FOLDER_PREFIX).tempdir()?.keep();
    let bin = folder.join("bin");
    tools::write_refusing(&bin)?;
    Ok(bin)
}

/// The XDG state folder of wirelab: unlike a cache, nobody empties it.
fn state_folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|it| it.join("wirelab"))
}

/// Nobody listens there (RFC 6335 leaves it to TCPMUX, which nobody runs).
const NOWHERE: &str = "http://127.0.0.1:1";

/// Lines after which AWS's clients in a shell reach nothing at all, and whose status is `code`:
/// what `eval` gets when no endpoint can be had. Whatever the shell had comes back with
/// `wirelab env --stop`.
///
/// # Errors
/// No folder can be made for the refusing programs.
pub(crate) fn refusal(syntax: Syntax, code: u8) -> Result<String, Failure> {
    let path = path_with(&[&folder()?])?;
    let variables: [(&str, OsString); 12] = [
        ("PATH", path),
        ("AWS_ENDPOINT_URL", NOWHERE.into()),
        ("AWS_ACCESS_KEY_ID", "wirelab-has-no-endpoint".into()),
        ("AWS_SECRET_ACCESS_KEY", "none".into()),
        ("AWS_DEFAULT_REGION", "us-east-1".into()),
        ("AWS_CA_BUNDLE", "/dev/null".into()),
        ("AWS_CONFIG_FILE", "/dev/null".into()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".into()),
        ("NO_PROXY", without_proxy()),
        ("no_proxy", without_proxy()),
    ];
    let mut text = syntax.export(BEFORE, &before::text()) + &syntax.unset_all("AWS_");
    for (name, value) in variables {
        text += &syntax.export(name, &value.to_string_lossy());
    }
    Ok(text + &syntax.set_aside() + &syntax.fails(code))
}

/// Whether a folder of `PATH` is an endpoint's, or that of the refusing programs.
pub(crate) fn is_ours(folder: &Path) -> bool {
    let parent = folder.parent().and_then(Path::file_name);
    let parent = parent.is_some_and(|it| it.to_string_lossy().starts_with(FOLDER_PREFIX));
    parent && folder.ends_with("bin")
}
