//! Flow logs in files of this machine: a download of one's own bucket, one file.

use std::io::{IsTerminal, Read};
use std::path::Path;

use wirelab_flowlog::LogFormat;
use wirelab_model::{SimTime, UnixTime};
use wirelab_query::{FilesError, LogFiles, LogSource, QueryError, QueryOptions, blocking};

use super::{Arguments, failure, show, watch};
use crate::failure::{Code, Failure};
use crate::{moment, output, when};

/// Asks the files in Insights QL.
pub(super) fn insights(arguments: &Arguments, query: &str) -> Result<Code, Failure> {
    let logs = open(arguments)?;
    let now = now(arguments)?;
    let moment = |text: Option<&str>, default| match text {
        Some("start") => Ok(EPOCH),
        Some(text) if text.starts_with('+') => Err(Failure::usage(format!(
            "`{text}` counts from the start of a lab; files have none"
        ))
        .hint("write `2024-03-05T09:04:00Z`, or `10m` (ago)")),
        Some(text) => moment::parse(text, now.since_start(EPOCH), EPOCH),
        None => Ok(default),
    };
    let options = QueryOptions {
        start: moment(arguments.start.as_deref(), EPOCH)?,
        end: moment(
            arguments.end.as_deref(),
            arguments.now.as_ref().map_or(END, |_| now),
        )?,
        now,
        limit: None,
    };
    moment::in_order(options.start, options.end)?;
    let result = watch::reading(&logs, Some(arguments.time()), || {
        let answer = blocking::insights_over_files(query, &logs, &options);
        answer.map_err(|error| match error {
            QueryError::Unreadable(_) => failure(error).hint(SKIP),
            error => failure(error),
        })
    })?;
    let Some(result) = result else {
        return Ok(Code::Interrupted);
    };
    show::answer(&result, arguments)?;
    tell(&logs);
    match logs.untimed_records() {
        0 => {}
        1 => output::note("1 record has no usable start and end: it counts at its file's time"),
        count => output::note(&format!(
            "{count} records have no usable start and end: they count at their file's time"
        )),
    }
    if result.statistics.records_scanned == 0 && !arguments.json.json {
        let (start, end) = (when::print_utc(options.start), when::print_utc(options.end));
        let place = logs.name();
        output::note(&match arguments.end {
            Some(_) => format!("no records from {start} to {end} UTC in {place}"),
            None if arguments.start.is_none() => format!("no records in {place}"),
            None => format!("no records from {start} UTC on in {place}"),
        });
        let is_clock = |text: &String| text.contains(':') && !text.contains('-');
        if arguments.start.as_ref().is_some_and(is_clock) && arguments.now.is_none() {
            output::note("a time without a date is today's, unless `--now TIME` says when now is");
        }
    }
    Ok(Code::Passed)
}

/// Writes the records of the files into one file of the compact layout.
pub(super) fn compact(arguments: &Arguments, to: &Path) -> Result<Code, Failure> {
    if let Some(logs) = arguments.logs.iter().find(|logs| holds(place(logs).1, to)) {
        let message = format!("{} would be one of the files of `{logs}`", to.display());
        return Err(Failure::usage(message).hint(
            "name a file outside it: beside the logs it is made of, each record would count twice",
        ));
    }
    let logs = open(arguments)?;
    let written = watch::reading(&logs, None, || {
        blocking::compact(&logs, to).map_err(unreadable)
    })?;
    let Some(records) = written else {
        return Ok(Code::Interrupted);
    };
    let bytes = std::fs::metadata(to)?.len();
    output::text(&format!(
        "{}: {records} records, {bytes} bytes of {}\n",
        to.display(),
        logs.bytes()
    ))?;
    tell(&logs);
    Ok(Code::Passed)
}

/// Whether a file is in a folder, or below it.
fn holds(folder: &str, file: &Path) -> bool {
    let folder = Path::new(folder);
    let above = match file.parent() {
        Some(above) if above != Path::new("") => above,
        _ => Path::new("."),
    };
    let (Ok(folder), Ok(above)) = (folder.canonicalize(), above.canonicalize()) else {
        return false;
    };
    folder.is_dir() && above.starts_with(folder)
}

/// The moment from which files count, which have no start.
const EPOCH: UnixTime = UnixTime::from_secs(0);

/// In February 2106: what is in a file is there, whatever this computer's clock says.
const END: UnixTime = UnixTime::from_secs(u32::MAX as u64);

/// What `now` is for the query.
pub(super) fn now(arguments: &Arguments) -> Result<UnixTime, Failure> {
    let Some(text) = &arguments.now else {
        let seconds = jiff::Timestamp::now().as_second();
        return Ok(UnixTime::from_secs(
            u64::try_from(seconds).unwrap_or_default(),
        ));
    };
    match text.as_str() {
        "now" | "start" => None,
        text => moment::parse(text, SimTime::ZERO, EPOCH).ok(),
    }
    .filter(|moment| *moment > UnixTime::from_secs(366 * 86_400))
    .ok_or_else(|| {
        Failure::usage(format!("`{text}` is no moment with a date"))
            .hint("write UTC as `2024-03-05T09:04:00Z`")
    })
}

/// The flow logs in the folders and files that `--logs` names; `-` is what comes in a pipe.
pub(super) fn open(arguments: &Arguments) -> Result<LogFiles, Failure> {
    let sources = arguments.logs.iter().map(|logs| match place(logs).1 {
        "-" => piped(),
        path if is_stream(path) => {
            let mut file = std::fs::File::open(path)?;
            in_memory(&mut file, path.to_owned())
        }
        path => Ok(LogSource::Path(path.into())),
    });
    let sources: Vec<LogSource> = sources.collect::<Result<_, _>>()?;
    let format = arguments.log_format.as_deref().map(LogFormat::parse);
    let format = format
        .transpose()
        .map_err(|error| Failure::usage(format!("--log-format: {error}")))?;
    let opened = match arguments.skip_damaged {
        true => blocking::open_sound_sources(&sources, format.as_ref()),
        false => blocking::open_sources(&sources, format.as_ref()),
    };
    opened.map_err(unreadable)
}

/// Whether the path is neither a file nor a folder, but a pipe or a device.
fn is_stream(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir())
}

/// What comes on standard input, to its end.
fn piped() -> Result<LogSource, Failure> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("`--logs -` reads flow logs from a pipe")
            .hint("`zcat *.log.gz | wirelab query --logs - QUERY`"));
    }
    in_memory(&mut stdin, "(standard input)".to_owned())
}

/// What a pipe or a device gives, `--logs <(...)` too: it can be read once, so all of it is kept.
fn in_memory(source: &mut impl Read, name: String) -> Result<LogSource, Failure> {
    let mut bytes = Vec::new();
    source.take(PIPED_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PIPED_MAX {
        let most = PIPED_MAX >> 20;
        let message =
            format!("{name} gives more than {most} MiB, which would all be kept in memory");
        return Err(Failure::usage(message).hint(
            "files are read piece by piece, gzip too: name them, or their folder, in `--logs`",
        ));
    }
    Ok(LogSource::Bytes { name, bytes })
}

/// So many octets of a pipe are kept.
const PIPED_MAX: u64 = 512 << 20;

/// Says what of the files was left out, is damaged, or is read in an unusual way.
fn tell(logs: &LogFiles) {
    for note in logs.notes().into_iter().chain(logs.misfits()) {
        output::note(&note);
    }
}

/// `s3://BUCKET=FOLDER` or `FOLDER`: the bucket that it is said to be, and the folder or file.
pub(super) fn place(logs: &str) -> (Option<&str>, &str) {
    let named = logs.strip_prefix("s3://");
    let named = named.and_then(|it| it.split_once('='));
    named.map_or((None, logs), |(bucket, folder)| (Some(bucket), folder))
}

fn unreadable(error: FilesError) -> Failure {
    match error {
        FilesError::Store { .. } => Failure::environment(error),
        FilesError::NoFiles { .. } => Failure::usage(error).hint(
            "a flow log is text with a header line or in the default format, gzip of that, or \
             Parquet; `--log-format` says the fields of text without a header",
        ),
        FilesError::Damaged { .. } => Failure::usage(error).hint(SKIP),
        FilesError::Unreadable { .. } => Failure::usage(error),
    }
}

/// What to do about a damaged file.
pub(super) const SKIP: &str =
    "get the file anew, or leave out what is damaged: `--skip-damaged`; a note then counts it";
