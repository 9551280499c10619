//! What a shell needs so that AWS's clients in it reach the simulated network and nothing else.
//!
//! Three fences, each enough alone against a mistake:
//!
//! - the variables: a key that only the lab knows, files for settings and credentials of the
//!   shell's own, no metadata service, no proxy; every other `AWS_` variable is taken away, since
//!   one that is left may name a real profile, role or address;
//! - the `aws` wrapper, first on the path: it names the endpoint on the command line, for old
//!   versions that do not read it from the environment, and runs nothing when the endpoint is gone;
//! - the profiles in the shell's files: they are the lab's accounts, so that `--profile` of a real
//!   one finds none.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wirelab_aws_api::AccessKey;

use super::{Serving, shelf, tools};
use crate::failure::Failure;
use crate::folder;

/// A folder of programs and settings, and the variables that lead to them. The folder goes with
/// this value.
pub(crate) struct Surroundings {
    folder: TempDir,
    /// Says to others that the folder is in use.
    _lock: File,
    lab: String,
    variables: Vec<(&'static str, OsString)>,
}

/// What tells one endpoint's `PATH` from another's.
const FOLDER_PREFIX: &str = "wirelab-shell-";

impl Surroundings {
    /// Writes the folder.
    pub(crate) fn of(serving: &Serving) -> Result<Self, Failure> {
        shelf::clean(&std::env::temp_dir(), FOLDER_PREFIX);
        let folder = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir()?;
        let lock = shelf::hold(folder.path())?;
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin)?;
        let port = serving.server.port();
        let tools = tools::Tools {
            wirelab: std::env::current_exe()?,
            bin: bin.clone(),
            url: serving.server.url(),
            port,
        };
        tools.write()?;
        let (config, credentials) = (
            folder.path().join("config"),
            folder.path().join("credentials"),
        );
        std::fs::write(
            &config,
            profiles(serving, "profile ", |_| {
                format!("region = {}\noutput = json\n", serving.region)
            }),
        )?;
        std::fs::write(
            &credentials,
            profiles(serving, "", |account| {
                let key = AccessKey::of_account(account);
                format!(
                    "aws_access_key_id = {}\naws_secret_access_key = {}\n",
                    key.id, key.secret
                )
            }),
        )?;
        let key = AccessKey::of_account(&serving.accounts[0].1);
        let variables = vec![
            ("PATH", path_with(&bin)?),
            ("AWS_ENDPOINT_URL", serving.server.url().into()),
            ("AWS_ACCESS_KEY_ID", key.id.into()),
            ("AWS_SECRET_ACCESS_KEY", key.secret.into()),
            ("AWS_REGION", serving.region.clone().into()),
            ("AWS_DEFAULT_REGION", serving.region.clone().into()),
            ("AWS_CONFIG_FILE", config.into()),
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".into()),
            ("AWS_PAGER", "".into()),
            ("NO_PROXY", without_proxy()),
            ("no_proxy", without_proxy()),
            ("WIRELAB_ENDPOINT", port.to_string().into()),
            ("WIRELAB_ENDPOINT_SECRET", serving.server.secret().into()),
            (folder::SERVED, serving.folder.clone().into()),
        ];
        Ok(Self {
            folder,
            _lock: lock,
            lab: serving.lab.clone(),
            variables,
        })
    }

    /// What a shell says before its first prompt.
    pub(crate) fn greeting(&self) -> String {
        format!(
            "`aws`, boto3 and `date` are {}'s in this shell; `exit` leaves it",
            self.lab
        )
    }

    /// The learner's shell, told to come up with these surroundings even if its own start-up files
    /// put others in front.
    pub(crate) fn shell(&self) -> Command {
        let program = std::env::var_os("SHELL").filter(|it| !it.is_empty());
        let program = program.unwrap_or_else(|| "/bin/sh".into());
        tools::interactive(Path::new(&program), self.folder.path())
    }

    /// Gives a command the variables.
    pub(crate) fn put_around(&self, command: &mut Command) {
        for name in strange_variables() {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    /// The same as lines for a POSIX shell.
    pub(crate) fn exports(&self) -> String {
        let mut text = unset(strange_variables().iter().map(OsString::as_os_str));
        for (name, value) in &self.variables {
            text += &format!(
                "export {name}={}\n",
                tools::quoted(&value.to_string_lossy())
            );
        }
        text
    }
}

/// Lines for a POSIX shell that take the variables away again.
pub(crate) fn farewell() -> String {
    let ours = std::env::vars_os().map(|it| it.0).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("AWS_") || name.starts_with("WIRELAB_ENDPOINT")
    });
    let ours: Vec<OsString> = ours.collect();
    let mut text = unset(ours.iter().map(OsString::as_os_str));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).filter(|it| !is_ours(it));
    if let Ok(path) = std::env::join_paths(others) {
        text += &format!("export PATH={}\n", tools::quoted(&path.to_string_lossy()));
    }
    text
}

fn unset<'n>(names: impl Iterator<Item = &'n OsStr>) -> String {
    let names: Vec<_> = names.map(OsStr::to_string_lossy).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("unset {}\n", names.join(" ")),
    }
}

/// `AWS_` variables that are set here, by whomever.
fn strange_variables() -> Vec<OsString> {
    let names = std::env::vars_os().map(|it| it.0);
    names
        .filter(|name| name.to_string_lossy().starts_with("AWS_"))
        .collect()
}

/// A section for each account; the learner's own is the default.
fn profiles(serving: &Serving, word: &str, lines: impl Fn(&str) -> String) -> String {
    let section = |(name, account): &(String, String)| match name.as_str() {
        "default" => format!("[default]\n{}", lines(account)),
        name => format!("[{word}{name}]\n{}", lines(account)),
    };
    serving.accounts.iter().map(section).collect()
}

/// The path with `bin` in front, and no other endpoint's.
fn path_with(bin: &Path) -> Result<OsString, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).filter(|it| !is_ours(it));
    let all: Vec<PathBuf> = std::iter::once(bin.to_owned()).chain(others).collect();
    std::env::join_paths(all).map_err(Failure::environment)
}

fn is_ours(folder: &Path) -> bool {
    let parent = folder.parent().and_then(Path::file_name);
    let parent = parent.is_some_and(|it| it.to_string_lossy().starts_with(FOLDER_PREFIX));
    parent && folder.ends_with("bin")
}

/// `NO_PROXY` with loopback in it: a proxy would be asked for the lab.
fn without_proxy() -> OsString {
    let set = ["NO_PROXY", "no_proxy"]
        .into_iter()
        .find_map(std::env::var_os);
    let mut value = set.unwrap_or_default();
    if !value
        .to_string_lossy()
        .split(',')
        .any(|it| it == "127.0.0.1")
    {
        if !value.is_empty() {
            value.push(",");
        }
        value.push("127.0.0.1,localhost");
    }
    value
}
