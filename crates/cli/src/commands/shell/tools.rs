//! The programs and start-up files of a shell: scripts, since they must run wherever a shell does.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::surroundings::FOLDER_PREFIX;
use super::syntax::Syntax;
use crate::output;

/// What the scripts are told.
pub(crate) struct Tools {
    /// This program.
    pub(crate) wirelab: PathBuf,
    /// Where the scripts are.
    pub(crate) bin: PathBuf,
    /// The endpoint.
    pub(crate) url: String,
    pub(crate) port: u16,
}

impl Tools {
    /// Writes the programs into their folder and the start-up files beside it.
    pub(crate) fn write(&self) -> io::Result<()> {
        self.program("aws", include_str!("aws.sh"))?;
        self.program("date", include_str!("date.sh"))?;
        // It may have been started by its path, and a shell has to find it by its name.
        self.program("wirelab", "#!/bin/sh\nexec @WIRELAB@ \"$@\"\n")?;
        let folder = self.bin.parent().expect("`bin` is in a folder");
        for (name, text) in [
            ("bashrc", BASH),
            (".zshrc", ZSH),
            ("shrc", SH),
            ("config.fish", FISH),
        ] {
            fs::write(folder.join(name), self.filled(text))?;
        }
        Ok(())
    }

    fn program(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.bin.join(name);
        fs::write(&path, self.filled(text))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
    }

    fn filled(&self, text: &str) -> String {
        let home = ["ZDOTDIR", "HOME"].into_iter().find_map(std::env::var_os);
        let folder = self.bin.parent().expect("`bin` is in a folder");
        text.replace("@WIRELAB@", &quoted(&self.wirelab.to_string_lossy()))
            .replace("@FOLDER@", &quoted(&folder.to_string_lossy()))
            .replace(
                "@ZDOTDIR@",
                &quoted(&home.unwrap_or_default().to_string_lossy()),
            )
            .replace("@BIN@", &quoted(&self.bin.to_string_lossy()))
            .replace("@URL@", &quoted(&self.url))
            .replace("@PORT@", &self.port.to_string())
    }
}

/// Writes the programs of a shell that has no endpoint.
pub(crate) fn write_refusing(bin: &Path) -> io::Result<()> {
    fs::create_dir_all(bin)?;
    for (name, text) in [
        ("aws", include_str!("aws-gone.sh")),
        ("date", include_str!("date-gone.sh")),
    ] {
        let path = bin.join(name);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        // Somebody may run it meanwhile.
        let unnamed = bin.join(format!(".{name}-{}", std::process::id()));
        fs::write(&unnamed, text)?;
        fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o755))?;
        fs::rename(unnamed, path)?;
    }
    Ok(())
}

/// A file that is read again and again: lines for the first time in a process, and for each.
/// `folders` are to be the first of the path.
pub(crate) fn keep(syntax: Syntax, first: &str, always: &str, folders: &[&Path]) -> String {
    let words = folders.iter().map(|it| it.to_string_lossy());
    match syntax {
        Syntax::Sh => {
            let path = quoted(&words.collect::<Vec<_>>().join(":"));
            format!(
                "if [ \"${{wirelab_kept-}}\" != $$ ]; then\n{first}wirelab_kept=$$\nfi\n{always}\
                 case $PATH in {path}:*) ;; *) PATH={path}:$PATH ;; esac\n"
            )
        }
        Syntax::Fish => {
            let words: Vec<String> = words.map(|it| syntax.word(&it)).collect();
            format!(
                "if not set -q wirelab_kept\n{first}set -g wirelab_kept\nend\n{always}\
                 test \"$PATH[1]\" = {}; or set -gx PATH {} $PATH\n",
                words.first().map_or("", String::as_str),
                words.join(" ")
            )
        }
    }
}

/// What bash reads before a script, and before a command of a login shell, whose `/etc/profile` may
/// set the path anew (Bash Reference Manual, "Bash Startup Files": `BASH_ENV`). One that the learner
/// has is read too. A folder that the script's author has put in front of ours stays there.
pub(crate) fn before_scripts(folders: &[&Path]) -> String {
    let words: Vec<_> = folders.iter().map(|it| it.to_string_lossy()).collect();
    let own = std::env::var_os("BASH_ENV").unwrap_or_default();
    let is_ours = Path::new(&own).parent().and_then(Path::file_name);
    let is_ours = is_ours.is_some_and(|it| it.to_string_lossy().starts_with(FOLDER_PREFIX));
    let first = match own.is_empty() || is_ours {
        true => String::new(),
        false => format!(". {}\n", quoted(&own.to_string_lossy())),
    };
    let (bin, all) = (quoted(&words[0]), quoted(&words.join(":")));
    format!("{first}case :$PATH: in *:{bin}:*) ;; *) export PATH={all}:$PATH ;; esac\n")
}

/// What bash does before each prompt, after what the learner has it do.
pub(crate) fn at_prompt(folder: &Path) -> String {
    let had = std::env::var("PROMPT_COMMAND").unwrap_or_default();
    let keep = quoted(&folder.join("keep.sh").to_string_lossy());
    format!("{had}\n[ ! -r {keep} ] || . {keep}")
}

// Start-up files of a learner's own may put folders in front of the path, set keys of real accounts
// and have aliases for `aws`, so ours come after them.

/// `PROMPT_COMMAND` is handed on: a bash that is started in this one reads the learner's file too.
const BASH: &str = "\
[ -f ~/.bashrc ] && . ~/.bashrc
. @FOLDER@/keep.sh
export PROMPT_COMMAND=\"${PROMPT_COMMAND-}
[ ! -r @FOLDER@/keep.sh ] || . @FOLDER@/keep.sh\"
PS1='($(@WIRELAB@ shell --ask prompt --port @PORT@)) \\$ '
";

/// `ZDOTDIR` is the learner's while the learner's file is read, and then ours: a zsh that is
/// started in this one comes up in the same way.
const ZSH: &str = "\
ZDOTDIR=@ZDOTDIR@
case ${HISTFILE-} in @FOLDER@/*) HISTFILE=$ZDOTDIR/.zsh_history ;; esac
[ -f $ZDOTDIR/.zshrc ] && . $ZDOTDIR/.zshrc
export ZDOTDIR=@FOLDER@
. @FOLDER@/keep.sh
wirelab_keep() { [ ! -r @FOLDER@/keep.sh ] || . @FOLDER@/keep.sh; }
precmd_functions+=(wirelab_keep)
setopt PROMPT_SUBST
PROMPT='($(@WIRELAB@ shell --ask prompt --port @PORT@)) %# '
";

const SH: &str = "\
. @FOLDER@/keep.sh
PS1='($(@WIRELAB@ shell --ask prompt --port @PORT@)) $ '
";

const FISH: &str = "\
source @FOLDER@/keep.fish
function wirelab_keep --on-event fish_prompt
    test -r @FOLDER@/keep.fish; and source @FOLDER@/keep.fish
end
function fish_prompt
    printf '(%s) > ' (@WIRELAB@ shell --ask prompt --port @PORT@)
end
";

/// `shell` with the start-up file for it in `folder`; the system's own if it is none that reads
/// one: what would come out of the learner's files there could not be undone.
pub(crate) fn interactive(shell: &Path, folder: &Path) -> Command {
    let mut command = Command::new(shell);
    let name = shell.file_name().unwrap_or_default();
    match name.to_string_lossy().as_ref() {
        "bash" => command.arg("--rcfile").arg(folder.join("bashrc")).arg("-i"),
        "zsh" => command.env("ZDOTDIR", folder).arg("-i"),
        "fish" => {
            let file = folder.join("config.fish");
            let source = format!("source {}", Syntax::Fish.word(&file.to_string_lossy()));
            command.args(["--init-command", &source])
        }
        // POSIX.1, "sh": interactive shells read the file that ENV names.
        "sh" | "dash" | "ash" | "ksh" | "ksh93" | "mksh" => {
            command.env("ENV", folder.join("shrc")).arg("-i")
        }
        other => {
            output::note(&format!(
                "`{other}` cannot be kept in the lab: this is `sh`"
            ));
            command = Command::new("/bin/sh");
            command.env("ENV", folder.join("shrc")).arg("-i")
        }
    };
    command
}

/// `text` as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
