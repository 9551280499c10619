//! The programs and start-up files of a shell: scripts, since they must run wherever a shell does.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

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
        text.replace("@WIRELAB@", &quoted(&self.wirelab.to_string_lossy()))
            .replace("@BIN@", &quoted(&self.bin.to_string_lossy()))
            .replace("@URL@", &quoted(&self.url))
            .replace("@PORT@", &self.port.to_string())
    }
}

// Start-up files of a learner's own may put folders in front of the path, so ours come after them.
const BASH: &str = "\
[ -f ~/.bashrc ] && . ~/.bashrc
PATH=@BIN@:$PATH
PS1='($(@WIRELAB@ shell --ask prompt --port @PORT@)) \\$ '
";

const ZSH: &str = "\
ZDOTDIR=$HOME
[ -f ~/.zshrc ] && . ~/.zshrc
PATH=@BIN@:$PATH
setopt PROMPT_SUBST
PROMPT='($(@WIRELAB@ shell --ask prompt --port @PORT@)) %# '
";

const SH: &str = "\
PATH=@BIN@:$PATH
PS1='($(@WIRELAB@ shell --ask prompt --port @PORT@)) $ '
";

const FISH: &str = "\
set -gx PATH @BIN@ $PATH
function fish_prompt
    printf '(%s) > ' (@WIRELAB@ shell --ask prompt --port @PORT@)
end
";

/// `shell` with the start-up file for it in `folder`.
pub(crate) fn interactive(shell: &Path, folder: &Path) -> Command {
    let mut command = Command::new(shell);
    let name = shell.file_name().unwrap_or_default();
    match name.to_string_lossy().as_ref() {
        "bash" => command.arg("--rcfile").arg(folder.join("bashrc")).arg("-i"),
        "zsh" => command.env("ZDOTDIR", folder).arg("-i"),
        "fish" => {
            let source = format!(
                "source {}",
                quoted(&folder.join("config.fish").to_string_lossy())
            );
            command.args(["--init-command", &source])
        }
        // POSIX.1, "sh": interactive shells read the file that ENV names.
        _ => command.env("ENV", folder.join("shrc")).arg("-i"),
    };
    command
}

/// `text` as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
