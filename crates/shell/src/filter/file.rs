//! Programs about files: those that scripts write, and those that machines have.

use super::{Read, read_options};
use crate::question::{FileError, Kind, Question};
use crate::run::{Flow, Interpreter, Stop};

pub(super) fn run(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    let (letters, long): (&str, &[(&str, char)]) = match name {
        "basename" => ("as:", &[]),
        "chmod" => return chmod(shell, arguments),
        "cp" => ("afpv", &[]),
        "mv" => ("fv", &[]),
        "ls" => ("1adlA", &[("all", 'a')]),
        "mkdir" => ("pm:v", &[("parents", 'p')]),
        "mktemp" => ("dtqp:", &[("directory", 'd')]),
        "rm" => ("rRfv", &[("recursive", 'r'), ("force", 'f')]),
        "realpath" | "readlink" => ("fem", &[("canonicalize", 'f')]),
        "touch" => ("cam", &[]),
        _ => ("p", &[]),
    };
    let Some(read) = read_options(shell, name, arguments, letters, long)? else {
        return Ok(1);
    };
    if read.operands.is_empty() && !["ls", "mktemp"].contains(&name) {
        let file = if ["cp", "mv", "touch"].contains(&name) {
            "file "
        } else {
            ""
        };
        let more = super::more_about(name);
        shell.error(&format!("{name}: missing {file}operand\n{more}"))?;
        return Ok(1);
    }
    match name {
        "basename" => basename(shell, &read),
        "dirname" => {
            let lines = read.operands.iter().map(|it| dirname(it) + "\n");
            let text: String = lines.collect();
            shell.out(&text).map(|()| 0)
        }
        "realpath" | "readlink" => {
            let lines = read.operands.iter().map(|it| shell.absolute(it) + "\n");
            let text: String = lines.collect();
            shell.out(&text).map(|()| 0)
        }
        "cp" | "mv" => copy(shell, name, &read),
        "ls" => list(shell, &read),
        "mktemp" => temporary(shell, &read),
        _ => each(shell, name, &read),
    }
}

fn basename(shell: &mut Interpreter<'_>, read: &Read) -> Flow<i32> {
    let all = read.has('a') || read.value('s').is_some();
    let suffix = match all {
        true => read.value('s').unwrap_or_default(),
        false => read.operands.get(1).map(String::as_str).unwrap_or_default(),
    };
    let paths = if all {
        &read.operands[..]
    } else {
        &read.operands[..1]
    };
    let mut out = String::new();
    for path in paths {
        let bare = path.trim_end_matches('/');
        let last = bare.rsplit('/').next().unwrap_or(bare);
        let last = match last.strip_suffix(suffix) {
            Some(stem) if !stem.is_empty() => stem,
            _ => last,
        };
        let is_root = bare.is_empty() && !path.is_empty();
        out += if is_root { "/" } else { last };
        out.push('\n');
    }
    shell.out(&out)?;
    Ok(0)
}

fn dirname(path: &str) -> String {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((before, _)) => match before.trim_end_matches('/') {
            "" => "/".to_owned(),
            before => before.to_owned(),
        },
        None if path.starts_with('/') => "/".to_owned(),
        None => ".".to_owned(),
    }
}

const ROOT: &str = "rm: it is dangerous to operate recursively on '/'\n\
                    rm: use --no-preserve-root to override this failsafe\n";

/// `rm`, `rmdir`, `mkdir`, `touch`: the same for each operand.
fn each(shell: &mut Interpreter<'_>, name: &str, read: &Read) -> Flow<i32> {
    let mut status = 0;
    for operand in &read.operands {
        let path = shell.absolute(operand);
        let (what, done) = match name {
            "rm" => {
                let recursive = read.has('r') || read.has('R');
                let kind = shell.stat(operand)?;
                if path == "/" && recursive {
                    shell.error(ROOT)?;
                    status = 1;
                    continue;
                }
                let done = match kind {
                    None if read.has('f') => Ok(()),
                    Some(Kind::Directory) if !recursive => Err(FileError::IsDirectory),
                    _ => remove(shell, path, kind)?,
                };
                ("cannot remove", done)
            }
            "rmdir" => ("failed to remove", shell.done(Question::Remove { path })?),
            "mkdir" => (
                "cannot create directory",
                make(shell, &path, read.has('p'))?,
            ),
            _ => {
                let there = shell.stat(operand)?.is_some();
                let done = match there || read.has('c') {
                    true => Ok(()),
                    false => shell.write_file(operand, "", true)?,
                };
                ("cannot touch", done)
            }
        };
        if let Err(error) = done {
            let quotes = if name == "mkdir" {
                ("‘", "’")
            } else {
                ("'", "'")
            };
            let text = format!(
                "{name}: {what} {}{operand}{}: {error}\n",
                quotes.0, quotes.1
            );
            shell.error(&text)?;
            status = 1;
        }
    }
    Ok(status)
}

fn remove(
    shell: &mut Interpreter<'_>,
    path: String,
    kind: Option<Kind>,
) -> Flow<Result<(), FileError>> {
    if kind == Some(Kind::Directory) {
        for name in shell.names_in(&path)? {
            let inner = format!("{}/{name}", path.trim_end_matches('/'));
            let kind = shell.stat(&inner)?;
            let done = shell.deeper(|shell| remove(shell, inner, kind))?;
            if done.is_err() {
                return Ok(done);
            }
        }
    }
    shell.done(Question::Remove { path })
}

fn make(shell: &mut Interpreter<'_>, path: &str, parents: bool) -> Flow<Result<(), FileError>> {
    if !parents {
        return shell.done(Question::MakeDirectory {
            path: path.to_owned(),
        });
    }
    let ends = path
        .match_indices('/')
        .map(|it| it.0)
        .skip(1)
        .chain([path.len()]);
    for end in ends {
        let part = path[..end].to_owned();
        if shell.stat(&part)? == Some(Kind::Directory) {
            continue;
        }
        let done = shell.done(Question::MakeDirectory { path: part })?;
        if done.is_err() {
            return Ok(done);
        }
    }
    Ok(Ok(()))
}

fn chmod(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let Some((mode, paths)) = arguments.split_first().filter(|it| !it.1.is_empty()) else {
        shell.error(&("chmod: missing operand\n".to_owned() + &super::more_about("chmod")))?;
        return Ok(1);
    };
    let octal = u32::from_str_radix(mode, 8).ok();
    let letters = ["+", "-", "="]
        .iter()
        .find_map(|it| mode.split_once(it).map(|at| (*it, at.1)));
    let executable = match (octal, letters) {
        (Some(mode), _) => Some(mode & 0o111 != 0),
        (None, Some((sign, bits))) if bits.contains('x') => Some(sign != "-"),
        (None, Some(_)) => None,
        (None, None) => {
            let more = super::more_about("chmod");
            shell.error(&format!("chmod: invalid mode: ‘{mode}’\n{more}"))?;
            return Ok(1);
        }
    };
    let mut status = 0;
    for operand in paths {
        let path = shell.absolute(operand);
        let done = match (shell.stat(operand)?, executable) {
            (None, _) => Err(FileError::NotFound),
            (Some(Kind::File { .. }), Some(executable)) => {
                shell.done(Question::SetExecutable { path, executable })?
            }
            _ => Ok(()),
        };
        if let Err(error) = done {
            shell.error(&format!("chmod: cannot access '{operand}': {error}\n"))?;
            status = 1;
        }
    }
    Ok(status)
}

fn copy(shell: &mut Interpreter<'_>, name: &str, read: &Read) -> Flow<i32> {
    let [sources @ .., to] = &read.operands[..] else {
        return Ok(1);
    };
    if sources.is_empty() {
        let text = format!("{name}: missing destination file operand after '{to}'\n");
        shell.error(&(text + &super::more_about(name)))?;
        return Ok(1);
    }
    let into = shell.stat(to)? == Some(Kind::Directory);
    let mut status = 0;
    for source in sources {
        let last = source
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or(source);
        let target = if into {
            format!("{to}/{last}")
        } else {
            to.clone()
        };
        let kind = shell.stat(source)?;
        if kind == Some(Kind::Directory) {
            return Err(Stop::Refused(format!(
                "{name}: directories are not copied here"
            )));
        }
        let text = match shell.read_file(source)? {
            Ok(text) => text,
            Err(error) => {
                shell.error(&format!("{name}: cannot stat '{source}': {error}\n"))?;
                status = 1;
                continue;
            }
        };
        if let Err(error) = shell.write_file(&target, &text, false)? {
            let text = format!("{name}: cannot create regular file '{target}': {error}\n");
            shell.error(&text)?;
            status = 1;
            continue;
        }
        if matches!(
            kind,
            Some(Kind::File {
                executable: true,
                ..
            })
        ) {
            let path = shell.absolute(&target);
            // It has just been written.
            let _ = shell.done(Question::SetExecutable {
                path,
                executable: true,
            })?;
        }
        if name == "mv" {
            let path = shell.absolute(source);
            if let Err(error) = shell.done(Question::Remove { path })? {
                shell.error(&format!("mv: cannot remove '{source}': {error}\n"))?;
                status = 1;
            }
        }
    }
    Ok(status)
}

fn list(shell: &mut Interpreter<'_>, read: &Read) -> Flow<i32> {
    if read.has('l') {
        let why = "`ls -l` is not simulated: files have no owners and no times here";
        return Err(Stop::Refused(why.to_owned()));
    }
    let operands = match read.operands.is_empty() {
        true => vec![".".to_owned()],
        false => read.operands.clone(),
    };
    let (mut status, mut files, mut folders) = (0, String::new(), Vec::new());
    for operand in &operands {
        match shell.stat(operand)? {
            None => {
                let text = format!("ls: cannot access '{operand}': No such file or directory\n");
                shell.error(&text)?;
                status = 2;
            }
            Some(Kind::Directory) if !read.has('d') => {
                let names = shell.names_in(operand)?;
                let hidden = read.has('a') || read.has('A');
                let shown = names.iter().filter(|it| hidden || !it.starts_with('.'));
                let dots = [".", ".."].iter().filter(|_| read.has('a'));
                let shown = dots.copied().chain(shown.map(String::as_str));
                let text: String = shown.map(|it| format!("{it}\n")).collect();
                folders.push((operand.clone(), text));
            }
            Some(_) => files += &format!("{operand}\n"),
        }
    }
    let titled = operands.len() > 1;
    let mut out = files;
    for (folder, text) in folders {
        if titled {
            let gap = if out.is_empty() { "" } else { "\n" };
            out += &format!("{gap}{folder}:\n");
        }
        out += &text;
    }
    shell.out(&out)?;
    Ok(status)
}

/// A name that nobody has, by the shell's own random numbers.
fn temporary(shell: &mut Interpreter<'_>, read: &Read) -> Flow<i32> {
    let template = match read.operands.first() {
        Some(template) => template.clone(),
        None => format!("{}/tmp.XXXXXXXXXX", read.value('p').unwrap_or("/tmp")),
    };
    let stem = template.trim_end_matches('X');
    let count = template.len() - stem.len();
    if count < 3 {
        let text = format!("mktemp: too few X's in template ‘{template}’\n");
        shell.error(&text)?;
        return Ok(1);
    }
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut path = stem.to_owned();
    for _ in 0..count {
        let drawn = shell
            .variable_text("RANDOM")
            .and_then(|it| it.parse::<usize>().ok());
        path.push(char::from(LETTERS[drawn.unwrap_or(0) % LETTERS.len()]));
    }
    let done = match read.has('d') {
        true => {
            let path = shell.absolute(&path);
            shell.done(Question::MakeDirectory { path })?
        }
        false => shell.write_file(&path, "", false)?,
    };
    if let Err(error) = done {
        let text = format!("mktemp: failed to create file via template ‘{template}’: {error}\n");
        shell.error(&text)?;
        return Ok(1);
    }
    shell.out(&format!("{path}\n"))?;
    Ok(0)
}
