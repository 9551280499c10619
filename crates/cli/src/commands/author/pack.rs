//! A course as it is handed out: labs without the answers, in a folder or an archive.
//!
//! What a learner's machine plays is what is graded, so the scenario of each lab is in it as it is,
//! and with it what goes wrong. The reference solutions of filters and queries are what answers are
//! held against: without them `wirelab check` leaves those tasks to whoever has them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde::Serialize;
use wirelab_scenario::Lab;
use wirelab_session::Content;

use crate::args::{Json, TEMPLATE};
use crate::failure::{Code, Failure};
use crate::{content, output};

/// Hand out a course: its labs without solutions, wrong answers and what reveals them
///
/// The pack has labs/ and scenarios/; learners work below it. Their `check` grades repairs, answers
/// and predictions; filters and queries it leaves to you, for it has nothing to hold them against.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author pack --to net-201.zip                 the labs found from here
  wirelab author pack courses/net-201 --to net-201.tar.gz
  wirelab author pack --to handout --with-solutions    a folder; `check` grades all of it

")]
pub(super) struct PackArguments {
    /// The folder with labs/ and scenarios/; by default the labs that are found from here
    #[arg(value_name = "COURSE", value_hint = ValueHint::DirPath)]
    course: Option<PathBuf>,
    /// An archive (`.zip`, `.tar.gz`, `.tgz`, `.tar`), or a folder, which is made
    #[arg(long, value_name = "FILE|FOLDER", value_hint = ValueHint::AnyPath)]
    to: PathBuf,
    /// Leave the solutions of filters and queries in, in plain text: `check` grades them too
    #[arg(long)]
    with_solutions: bool,
    #[command(flatten)]
    json: Json,
}

/// Copy the labs found from here, answers and all, into a folder of your own to change them
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author copy mended && $EDITOR mended/labs/nacl-ephemeral/lab.toml

")]
pub(super) struct CopyArguments {
    /// The folder, which is made
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

/// A file: its name from the course's folder, its octets.
type Member = (String, Vec<u8>);

/// What was handed out.
#[derive(Serialize)]
struct Packed {
    to: PathBuf,
    labs: Vec<String>,
    files: usize,
    /// `LAB/TASK`: what `check` leaves to the instructor.
    left_to_the_instructor: Vec<String>,
}

pub(super) fn pack(arguments: &PackArguments) -> Result<Code, Failure> {
    let content = course(arguments.course.as_deref())?;
    let (mut members, mut labs, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let order = content.root().join("labs/course.toml");
    if order.is_file() {
        members.push(("labs/course.toml".to_owned(), std::fs::read(&order)?));
    }
    for name in content.course()?.labs() {
        let lab = content.lab(name)?;
        content.scenario(&lab.scenario)?;
        take_lab(&lab, arguments.with_solutions, &mut members)?;
        let scenario = format!("scenarios/{}", lab.scenario);
        below(content.root(), &scenario, &|_| true, &mut members)?;
        if !arguments.with_solutions {
            let judged = lab.tasks.iter().filter(|task| task.kind.needs_solution());
            left.extend(judged.map(|task| format!("{name}/{}", task.name)));
        }
        labs.push(name.to_owned());
    }
    if labs.is_empty() {
        let root = content.root().display();
        return Err(Failure::usage(format!("{root} holds no labs")));
    }
    members.sort();
    members.dedup();
    write(&arguments.to, &members)?;
    let packed = Packed {
        to: arguments.to.clone(),
        labs,
        files: members.len(),
        left_to_the_instructor: left,
    };
    if arguments.json.json {
        output::json(&packed)?;
    } else {
        output::page(&print(&packed, arguments.with_solutions))?;
    }
    Ok(Code::Passed)
}

pub(super) fn copy(arguments: &CopyArguments) -> Result<Code, Failure> {
    let content = content::find()?;
    let mut members = Vec::new();
    for part in ["labs", "scenarios"] {
        below(content.root(), part, &|_| true, &mut members)?;
    }
    into_folder(&arguments.folder, &members)?;
    let (folder, root) = (arguments.folder.display(), content.root().display());
    output::text(&format!(
        " {} files of {root}\n commands below {folder}/ take these labs, elsewhere \
         WIRELAB_CONTENT={folder} names them\n",
        members.len()
    ))?;
    Ok(Code::Passed)
}

fn course(folder: Option<&Path>) -> Result<Content, Failure> {
    let Some(folder) = folder else {
        return content::find();
    };
    if folder.join("labs").is_dir() && folder.join("scenarios").is_dir() {
        return Ok(Content::new(folder));
    }
    let shown = folder.display();
    Err(Failure::usage(format!(
        "`{shown}` has no `labs` and `scenarios`"
    )))
}

/// What learners get of a lab.
fn take_lab(lab: &Lab, with_solutions: bool, members: &mut Vec<Member>) -> Result<(), Failure> {
    let folder = format!("labs/{}", lab.name);
    members.push((format!("{folder}/lab.toml"), lab.handed_out().into_bytes()));
    let judged = lab.tasks.iter().filter(|task| task.kind.needs_solution());
    let judged: Vec<&str> = judged.map(|task| task.name.as_str()).collect();
    let is_for_them = |name: &str| {
        let mut parts = name.split('/');
        match (parts.next().unwrap_or_default(), parts.next()) {
            ("lab.toml", None) | ("right" | "wrong", Some(_)) => false,
            ("solution", Some(file)) => {
                let task = file.split('.').next().unwrap_or_default();
                with_solutions && judged.contains(&task)
            }
            _ => true,
        }
    };
    let root = lab.dir.ancestors().nth(2).unwrap_or(&lab.dir);
    let wanted = |name: &str| is_for_them(name.strip_prefix(&format!("{folder}/")).unwrap_or(name));
    below(root, &folder, &wanted, members)
}

/// The files below `folder` of `root` whose names are `wanted`; hidden ones are an editor's.
fn below(
    root: &Path,
    folder: &str,
    wanted: &dyn Fn(&str) -> bool,
    members: &mut Vec<Member>,
) -> Result<(), Failure> {
    let path = root.join(folder);
    let failed = |error| Failure::usage(format!("{}: {error}", path.display()));
    for entry in std::fs::read_dir(&path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        let name = format!("{folder}/{name}");
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.path().is_dir() {
            below(root, &name, wanted, members)?;
        } else if wanted(&name) {
            members.push((name, std::fs::read(entry.path()).map_err(failed)?));
        }
    }
    Ok(())
}

/// How the pack is written, by its name.
fn write(to: &Path, members: &[Member]) -> Result<(), Failure> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let ends = |ending: &str| name.strip_suffix(ending).filter(|it| !it.is_empty());
    let octets = if let Some(folder) = ends(".zip") {
        zip(folder, members).map_err(Failure::internal)?
    } else if let Some(folder) = ends(".tar.gz").or_else(|| ends(".tgz")) {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&tar(folder, members)?)?;
        packer.finish()?
    } else if let Some(folder) = ends(".tar") {
        tar(folder, members)?
    } else {
        return into_folder(to, members);
    };
    let failed = |error| Failure::environment(format!("{}: {error}", to.display()));
    let temporary = to.with_file_name(format!("{name}.new"));
    std::fs::write(&temporary, octets).map_err(failed)?;
    std::fs::rename(&temporary, to).map_err(failed)
}

/// Makes the folder; one that has files is somebody's.
fn into_folder(folder: &Path, members: &[Member]) -> Result<(), Failure> {
    let shown = folder.display();
    if std::fs::read_dir(folder).is_ok_and(|mut it| it.next().is_some()) {
        return Err(Failure::usage(format!("`{shown}` is not empty")).hint("take another folder"));
    }
    for (name, octets) in members {
        let path = folder.join(name);
        let failed = |error| Failure::environment(format!("{}: {error}", path.display()));
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        std::fs::write(&path, octets).map_err(failed)?;
    }
    Ok(())
}

/// All in one folder, so that unpacking scatters nothing; without dates, so that the same labs give
/// the same archive.
fn tar(folder: &str, members: &[Member]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, octets) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(octets.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{folder}/{name}"), &octets[..])?;
    }
    archive.into_inner()
}

fn zip(folder: &str, members: &[Member]) -> Result<Vec<u8>, rawzip::Error> {
    let mut octets = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut octets);
    for (name, plain) in members {
        let name = format!("{folder}/{name}");
        let file = archive.new_file(&name);
        let file = file.compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start()?;
        let packer = DeflateEncoder::new(&mut entry, Compression::best());
        let mut writer = config.wrap(packer);
        writer.write_all(plain).map_err(rawzip::Error::from)?;
        let (packer, descriptor) = writer.finish()?;
        packer.finish().map_err(rawzip::Error::from)?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    Ok(octets)
}

fn print(packed: &Packed, with_solutions: bool) -> String {
    let labs = match packed.labs.len() {
        1 => "1 lab".to_owned(),
        labs => format!("{labs} labs"),
    };
    let (to, files) = (packed.to.display(), packed.files);
    let mut text = format!(" {to}: {labs}, {files} files\n");
    text += match with_solutions {
        true => {
            "   left out      right/, wrong/, the solutions of repairs, answers and predictions\n"
        }
        false => "   left out      solution/, right/, wrong/\n",
    };
    text += "                 in lab.toml comments, `proof`, `[[task.equivalent]]`\n";
    if with_solutions {
        text += "   still there   the solutions of filters and queries, in plain text\n";
    }
    text += "   still there   in scenario.toml what goes wrong, by variant\n";
    text += "                 in lab.toml `expected` of answers, and every hint\n";
    if !packed.left_to_the_instructor.is_empty() {
        let tasks = packed.left_to_the_instructor.join(", ");
        let _ = writeln!(text, "   you grade     {tasks}: `check` says so there");
    }
    text + "\n learners unpack it and work below it:  \
            wirelab init NAME --course CODE --learner NAME\n"
}
