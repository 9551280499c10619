//! Files that scripts write on a machine, and the directories that they find there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::question::{Answer, FileError, Kind, Question};

/// Octets that the files of a machine may have.
const OCTETS_AT_MOST: usize = 4 << 20;
/// How many files and directories may be made.
const COUNT_AT_MOST: usize = 4096;

/// Directories that are there from the start, where scripts may write.
const DIRECTORIES: &[&str] = &[
    "/",
    "/boot",
    "/etc",
    "/home",
    "/home/ec2-user",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/tmp",
];

/// What has been made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Node {
    Directory,
    File { text: String, executable: bool },
}

/// The files of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    made: BTreeMap<String, Node>,
}

impl Files {
    /// Answers what is asked about files; everything else is for others.
    pub fn answer(&mut self, question: &Question) -> Option<Answer> {
        Some(match question {
            Question::Run { .. } => return None,
            Question::Stat { path } => Answer::Stat(self.stat(path)),
            Question::Read { path } => Answer::Text(self.read(path)),
            Question::Write { path, text, append } => Answer::Done(self.write(path, text, *append)),
            Question::MakeDirectory { path } => Answer::Done(self.make_directory(path)),
            Question::Remove { path } => Answer::Done(self.remove(path)),
            Question::SetExecutable { path, executable } => {
                Answer::Done(self.set_executable(path, *executable))
            }
            Question::List { path } => Answer::Names(self.list(path)),
        })
    }

    /// What is at a path.
    #[must_use]
    pub fn stat(&self, path: &str) -> Option<Kind> {
        match self.made.get(path) {
            Some(Node::Directory) => Some(Kind::Directory),
            Some(Node::File { text, executable }) => Some(Kind::File {
                size: text.len(),
                executable: *executable,
            }),
            None if DIRECTORIES.contains(&path) => Some(Kind::Directory),
            None => None,
        }
    }

    fn read(&self, path: &str) -> Result<String, FileError> {
        match (self.made.get(path), self.stat(path)) {
            (Some(Node::File { text, .. }), _) => Ok(text.clone()),
            (_, Some(_)) => Err(FileError::IsDirectory),
            (_, None) => Err(FileError::NotFound),
        }
    }

    /// Whether something may be made at a path: there has to be a directory for it.
    fn has_place(&self, path: &str) -> Result<(), FileError> {
        let parent = match path.rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((parent, _)) => parent,
        };
        match self.stat(parent) {
            Some(Kind::Directory) => Ok(()),
            Some(_) => Err(FileError::NotDirectory),
            None => Err(FileError::NotFound),
        }
    }

    fn has_room(&self, octets: usize) -> Result<(), FileError> {
        let size = |it: &Node| match it {
            Node::Directory => 0,
            Node::File { text, .. } => text.len(),
        };
        let used: usize = self.made.values().map(size).sum();
        match used + octets > OCTETS_AT_MOST || self.made.len() >= COUNT_AT_MOST {
            true => Err(FileError::Other("No space left on device".to_owned())),
            false => Ok(()),
        }
    }

    fn write(&mut self, path: &str, more: &str, append: bool) -> Result<(), FileError> {
        self.has_room(more.len())?;
        if let Some(Node::File { text, .. }) = self.made.get_mut(path) {
            if !append {
                text.clear();
            }
            text.push_str(more);
            return Ok(());
        }
        if self.stat(path) == Some(Kind::Directory) {
            return Err(FileError::IsDirectory);
        }
        self.has_place(path)?;
        let node = Node::File {
            text: more.to_owned(),
            executable: false,
        };
        self.made.insert(path.to_owned(), node);
        Ok(())
    }

    fn make_directory(&mut self, path: &str) -> Result<(), FileError> {
        if self.stat(path).is_some() {
            return Err(FileError::Exists);
        }
        self.has_place(path)?;
        self.has_room(0)?;
        self.made.insert(path.to_owned(), Node::Directory);
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), FileError> {
        if self.stat(path) == Some(Kind::Directory) && !self.list(path).is_empty() {
            return Err(FileError::NotEmpty);
        }
        match self.made.remove(path) {
            Some(_) => Ok(()),
            None if DIRECTORIES.contains(&path) => Err(FileError::Denied),
            None => Err(FileError::NotFound),
        }
    }

    fn set_executable(&mut self, path: &str, on: bool) -> Result<(), FileError> {
        match self.made.get_mut(path) {
            Some(Node::File { executable, .. }) => {
                *executable = on;
                Ok(())
            }
            _ => Err(FileError::Denied),
        }
    }

    /// The names in a directory, in order.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<String> {
        let before = format!("{}/", path.trim_end_matches('/'));
        let all = self
            .made
            .keys()
            .map(String::as_str)
            .chain(DIRECTORIES.iter().copied());
        let inner = all.filter_map(|it| it.strip_prefix(&before));
        let mut names: Vec<String> = inner
            .filter(|it| !it.is_empty() && !it.contains('/'))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_where_there_is_a_directory_for_them() {
        let mut files = Files::default();
        assert_eq!(
            files.write("/nowhere/x", "a", false),
            Err(FileError::NotFound)
        );
        assert_eq!(files.write("/tmp", "a", false), Err(FileError::IsDirectory));
        assert_eq!(files.write("/tmp/x", "a\n", false), Ok(()));
        assert_eq!(files.write("/tmp/x", "b\n", true), Ok(()));
        assert_eq!(files.read("/tmp/x"), Ok("a\nb\n".to_owned()));
        assert_eq!(
            files.make_directory("/tmp/x/y"),
            Err(FileError::NotDirectory)
        );
        assert_eq!(files.make_directory("/tmp/d"), Ok(()));
        assert_eq!(files.list("/tmp"), ["d", "x"]);
        assert_eq!(files.write("/tmp/d/x", "", false), Ok(()));
        assert_eq!(files.remove("/tmp/d"), Err(FileError::NotEmpty));
        let much = "x".repeat(OCTETS_AT_MOST);
        assert!(
            files.write("/tmp/much", &much, false).is_err(),
            "there is no room for it"
        );
    }
}
