//! What a shell needs so that AWS's clients in it reach the simulated network and nothing else.
//!
//! Five fences, each enough alone against a mistake:
//!
//! - the variables: a key that only the lab knows, files for settings and credentials of the
//!   shell's own, no metadata service, no proxy; every other `AWS_` variable is taken away, since
//!   one that is left may name a real profile, role or address;
//! - the `aws` wrapper, first on the path: it names the endpoint on the command line, for old
//!   versions that do not read it from the environment, and runs nothing when the endpoint is gone;
//!   behind it stand programs that refuse, for the time when its folder is gone too ([`gone`]);
//! - the profiles in the shell's files: they are the lab's accounts, so that `--profile` of a real
//!   one finds none, and they name the endpoint too;
//! - the one authority that AWS's clients trust for TLS, by variable and by profile: nobody has its
//!   key, so that no server of AWS's is spoken to, whatever leads there (a login shell, say, whose
//!   `/etc/profile` has set `PATH` anew). The endpoint speaks plain HTTP and needs none;
//! - for shells that are started here, lines that are read after the learner's own start-up files
//!   and before each prompt: those files may set keys and aliases again ([`Surroundings::keep`]).

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wirelab_aws_api::AccessKey;

use super::before::BEFORE;
use super::syntax::Syntax;
use super::{Serving, before, gone, shelf, tools};
use crate::failure::Failure;
use crate::folder::bound;

/// A folder of programs and settings, and the variables that lead to them. The folder goes with
/// this value.
pub(crate) struct Surroundings {
    folder: TempDir,
    /// Says to others that the folder is in use.
    _lock: File,
    lab: String,
    variables: Vec<(&'static str, OsString)>,
    /// This program.
    wirelab: PathBuf,
}

/// Variables without which a client may leave the lab, whatever else a learner sets.
const PINNED: [&str; 7] = [
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_DISABLE_HOST_PREFIX_INJECTION",
];

/// The variable that names the process with which a shell's endpoint ends.
pub(crate) const OWNER: &str = "WIRELAB_ENDPOINT_SHELL";

/// The files that AWS's clients read.
struct Settings {
    config: PathBuf,
    credentials: PathBuf,
    /// The one that is trusted for TLS.
    authority: PathBuf,
}

impl Settings {
    fn write(folder: &Path, serving: &Serving) -> Result<Self, Failure> {
        let [config, credentials, authority] =
            ["config", "credentials", "nobody.pem"].map(|name| folder.join(name));
        std::fs::write(&authority, include_str!("nobody.pem"))?;
        let settings = format!(
            "region = {}\noutput = json\nendpoint_url = {}\nca_bundle = {}\n",
            serving.region,
            serving.server.url(),
            authority.display()
        );
        let settings = profiles(serving, "profile ", |_| settings.clone());
        std::fs::write(&config, settings)?;
        let keys = profiles(serving, "", |account| {
            let key = AccessKey::of_account(account);
            format!(
                "aws_access_key_id = {}\naws_secret_access_key = {}\n",
                key.id, key.secret
            )
        });
        std::fs::write(&credentials, keys)?;
        Ok(Self {
            config,
            credentials,
            authority,
        })
    }
}

/// What tells one endpoint's `PATH` from another's.
pub(super) const FOLDER_PREFIX: &str = "wirelab-shell-";

impl Surroundings {
    /// Writes the folder.
    pub(crate) fn of(serving: &Serving) -> Result<Self, Failure> {
        shelf::clean(&std::env::temp_dir(), FOLDER_PREFIX);
        let folder = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir()?;
        let lock = shelf::hold(folder.path())?;
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin)?;
        let refusing = gone::folder()?;
        let port = serving.server.port();
        let wirelab = std::env::current_exe()?;
        let tools = tools::Tools {
            wirelab: wirelab.clone(),
            bin: bin.clone(),
            url: serving.server.url(),
            port,
        };
        tools.write()?;
        let Settings {
            config,
            credentials,
            authority,
        } = Settings::write(folder.path(), serving)?;
        let bash_env = folder.path().join("bash_env");
        std::fs::write(&bash_env, tools::before_scripts(&[&bin, &refusing]))?;
        let key = AccessKey::of_account(&serving.accounts[0].1);
        let variables = vec![
            ("PATH", path_with(&[&bin, &refusing])?),
            ("AWS_ENDPOINT_URL", serving.server.url().into()),
            ("AWS_ACCESS_KEY_ID", key.id.into()),
            ("AWS_SECRET_ACCESS_KEY", key.secret.into()),
            ("AWS_REGION", serving.region.clone().into()),
            ("AWS_DEFAULT_REGION", serving.region.clone().into()),
            ("AWS_CA_BUNDLE", authority.into()),
            ("AWS_CONFIG_FILE", config.into()),
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            // Some actions have a host of their own, `stream-` before the endpoint's.
            ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".into()),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".into()),
            ("AWS_PAGER", "".into()),
            ("BASH_ENV", bash_env.into()),
            ("NO_PROXY", without_proxy()),
            ("no_proxy", without_proxy()),
            ("WIRELAB_ENDPOINT", port.to_string().into()),
            ("WIRELAB_ENDPOINT_SECRET", serving.server.secret().into()),
            (bound::SERVED, serving.folder.clone().into()),
            (bound::TOLD, bound::told(folder.path())?.into()),
        ];
        let surroundings = Self {
            folder,
            _lock: lock,
            lab: serving.lab.clone(),
            variables,
            wirelab,
        };
        surroundings.write_lines(&[&bin, &refusing])?;
        Ok(surroundings)
    }

    /// Writes the lines that shells read from the folder.
    fn write_lines(&self, folders: &[&Path]) -> Result<(), Failure> {
        let place = |name: &str| self.folder.path().join(name);
        for syntax in [Syntax::Sh, Syntax::Fish] {
            let keep = place(&format!("keep.{}", syntax.name()));
            std::fs::write(keep, self.keep(syntax, folders))?;
            std::fs::write(place(&again(syntax)), self.again(syntax))?;
        }
        Ok(())
    }

    /// Lines for a shell that is started here, after its start-up files and before each prompt.
    /// First they undo what those files did to AWS's variables; later a learner may set keys,
    /// profile and Region of the lab, and what leads elsewhere is put right alone.
    fn keep(&self, syntax: Syntax, folders: &[&Path]) -> String {
        let all = self.variables.iter().filter(|it| it.0 != "PATH");
        let all = all.map(|(name, value)| syntax.export(name, &value.to_string_lossy()));
        let first = syntax.unset_all("AWS_") + &all.collect::<String>();
        let pinned = self.variables.iter().filter(|it| PINNED.contains(&it.0));
        let pinned = pinned.map(|(name, value)| syntax.export(name, &value.to_string_lossy()));
        let always = syntax.unset_all("AWS_ENDPOINT_URL_") + &pinned.collect::<String>();
        tools::keep(syntax, &first, &(always + &syntax.forget_all()), folders)
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
        // `exit` gives the learner's shell back; within this one there is nothing to go back to.
        command.env_remove(BEFORE).env_remove(OWNER);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // For a bash that some command starts, as tmux does, whose `/etc/profile` sets the path.
        let keep = tools::at_prompt(self.folder.path());
        command.env("PROMPT_COMMAND", keep);
    }

    /// The same as lines for a shell that is there already; `owner` is the process that it ends
    /// with.
    pub(crate) fn exports(&self, syntax: Syntax, owner: Option<i32>) -> String {
        let ask = syntax.word(&self.wirelab.to_string_lossy()) + " env --before";
        let mut text = syntax.export_output(BEFORE, &ask) + &syntax.unset_all("AWS_");
        for (name, value) in &self.variables {
            text += &syntax.export(name, &value.to_string_lossy());
        }
        if let Some(owner) = owner {
            text += &syntax.export(OWNER, &owner.to_string());
        }
        text + &syntax.set_aside()
    }

    /// What of [`Self::exports`] is the same for every shell.
    fn again(&self, syntax: Syntax) -> String {
        let own = ["PATH", "NO_PROXY", "no_proxy"];
        let same = self.variables.iter().filter(|it| !own.contains(&it.0));
        let same = same.map(|(name, value)| syntax.export(name, &value.to_string_lossy()));
        syntax.unset_all("AWS_") + &same.collect::<String>() + &syntax.set_aside()
    }
}

/// The lines of [`Surroundings::exports`] for a shell whose variables lead to an endpoint already;
/// `None`: its folder is gone.
pub(crate) fn exports_again(syntax: Syntax) -> Option<String> {
    let told = PathBuf::from(std::env::var_os(bound::TOLD)?);
    let folder = told.parent()?;
    let same = std::fs::read_to_string(folder.join(again(syntax))).ok()?;
    let path = path_with(&[&folder.join("bin"), &gone::folder().ok()?]).ok()?;
    let mut text = syntax.export("PATH", &path.to_string_lossy());
    for name in ["NO_PROXY", "no_proxy"] {
        text += &syntax.export(name, &without_proxy().to_string_lossy());
    }
    Some(text + &same)
}

/// The file of what [`exports_again`] prints.
fn again(syntax: Syntax) -> String {
    format!("again.{}", syntax.name())
}

/// Lines that give a shell back what it had before; `None`: `wirelab env` has given it nothing.
pub(crate) fn farewell(syntax: Syntax) -> Option<String> {
    let mut text = before::restored(syntax, &before::carried()?);
    let path = path_with(&[]).unwrap_or_default();
    text += &syntax.export("PATH", &path.to_string_lossy());
    Some(text)
}

/// What would stand in a client's way to the lab: `AWS_` variables that are set here, by whomever,
/// and functions that bash hands to its programs.
fn strange_variables() -> Vec<OsString> {
    let names = std::env::vars_os().map(|it| it.0);
    let strange = ["AWS_", "BASH_FUNC_aws", "BASH_FUNC_date"];
    names
        .filter(|name| {
            strange
                .iter()
                .any(|it| name.to_string_lossy().starts_with(it))
        })
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

/// The path with `folders` in front, and no other endpoint's.
pub(super) fn path_with(folders: &[&Path]) -> Result<OsString, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).filter(|it| !gone::is_ours(it));
    let ours = folders.iter().map(|it| it.to_path_buf());
    let all: Vec<PathBuf> = ours.chain(others).collect();
    std::env::join_paths(all).map_err(Failure::environment)
}

/// `NO_PROXY` with loopback in it: a proxy would be asked for the lab.
pub(super) fn without_proxy() -> OsString {
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
