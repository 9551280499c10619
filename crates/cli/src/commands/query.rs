//! `wirelab query`: Logs Insights and Athena SQL over flow logs, of the lab or of anywhere.

pub(crate) mod chart;
mod files;
mod lab;
mod show;
mod sql;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueHint;

use crate::args::TEMPLATE;

const USAGE: &str = "\
wirelab query [OPTIONS] <QUERY>
       wirelab query --logs <PATH> --compact <FILE>";

/// Ask flow logs in the language of CloudWatch Logs Insights, or in Athena's SQL
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, override_usage = USAGE, before_help = "\
Examples:
  wirelab query 'fields @timestamp, srcAddr, dstAddr, dstPort, action | filter action = \"REJECT\"'
  wirelab query 'stats sum(bytes) as total by srcAddr, dstAddr | sort total desc | limit 10'
  wirelab query -f answers/find-the-reject.insights
  wirelab query --start 09:00 --end 09:10 'stats count(*) by action'
  wirelab query -g /vpc/data/flow 'stats count(*) by action' --csv
  wirelab query --chart 'stats sum(bytes) by bin(1m)'
  wirelab query --saved                  what there is; `--saved top-talkers` asks it
  wirelab query --sql 'SELECT action, count(*) FROM flow_logs GROUP BY action'

Your own flow logs, in any layout, outside any lab too:
  aws s3 sync s3://my-flow-logs/AWSLogs AWSLogs
  wirelab query --logs AWSLogs 'stats sum(bytes) as total by srcAddr | sort total desc'
  wirelab query --logs AWSLogs --sql 'SELECT srcaddr, sum(bytes) FROM flow_logs GROUP BY 1'
  wirelab query --logs s3://my-flow-logs=. --ddl table.sql 'SELECT count(*) FROM vpc_flow_logs'
  zcat *.log.gz | wirelab query --logs - 'stats count(*) by action'
  wirelab query --logs AWSLogs --compact march.parquet      then ask --logs march.parquet, faster

Times in a lab are virtual UTC, as tickets and records have it: `09:04` and `09:04:00` are clock
times, `2024-03-05T09:04:00Z` says the date too. `+5m` counts from the lab's start, `10m` back from
now.

")]
pub(crate) struct Arguments {
    /// The query
    #[arg(value_name = "QUERY", required_unless_present_any = ["file", "saved", "compact"])]
    #[arg(allow_hyphen_values = true, value_parser = query_or_comment)]
    query: Option<String>,
    /// Read the query from a file, `-` is standard input; SQL if its name ends in .sql
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with = "query")]
    file: Option<PathBuf>,
    /// Ask a saved query; without a name, list them
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["query", "file"])]
    saved: Option<String>,
    /// The query is SQL as Athena understands it, over the table `flow_logs` and those of `--ddl`
    #[arg(long)]
    sql: bool,
    /// Define tables first: a file of CREATE EXTERNAL TABLE and other statements, `;` between them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ddl: Option<PathBuf>,
    /// The log group to ask, by its name; needed only where a lab has several
    #[arg(short = 'g', long, value_name = "NAME")]
    log_group: Option<String>,
    /// Ask the flow logs in this folder or file, not those of a lab: text, gzip or Parquet; `-` is
    /// standard input. Several are taken together. For `--ddl` a folder stands for the bucket of a
    /// table; `s3://BUCKET=FOLDER` says which bucket
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    #[arg(conflicts_with = "log_group")]
    logs: Vec<String>,
    /// Fields of text files without a header line: `${version} ${account-id} ...`; else the default
    /// format
    #[arg(long, value_name = "FORMAT", requires = "logs")]
    log_format: Option<String>,
    /// Leave out files that are damaged or cut off, and say how many they are, instead of giving up
    #[arg(long, requires = "logs")]
    skip_damaged: bool,
    /// Write the records into one Parquet file, sorted by time and in small types: queries over it
    /// are faster, and give the same rows
    #[arg(long, value_name = "FILE", requires = "logs", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["query", "file", "saved", "ddl", "sql", "chart", "csv", "json"])]
    #[arg(conflicts_with_all = ["start", "end", "now"])]
    compact: Option<PathBuf>,
    /// What `now` is: `2024-03-05T09:04:00Z`; else the computer's clock
    #[arg(long, value_name = "TIME", requires = "logs")]
    now: Option<String>,
    /// Begin of the time range: `09:04` (UTC), `2024-03-05T09:04:00Z`, `2024-03-05` (its midnight),
    /// seconds since the epoch, `+5m`, `10m` (ago), `start`
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// End of the time range, in the same forms; else now, and with `--logs`, unless `--now` says
    /// when that is, whatever there is
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// Seconds after which a query is given up; ctrl-C gives it up at any time
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Draw a chart: lines over time for `by bin(5m)`, bars for `by srcAddr`
    #[arg(long, conflicts_with_all = ["csv", "json"])]
    chart: bool,
    #[command(flatten)]
    json: crate::args::Json,
}

use wirelab_query::{QueryError, SAVED_QUERIES, SavedQuery, visible};

use crate::failure::{Code, Failure};
use crate::output;
pub(crate) use show::{canvas, print};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if arguments.saved.as_deref() == Some("") {
        return list_saved(arguments.json.json);
    }
    if let Some(to) = &arguments.compact {
        return files::compact(arguments, to);
    }
    let is_sql = arguments.is_sql();
    let query = query_text(arguments, is_sql)?;
    let asked = match (is_sql, arguments.logs.is_empty()) {
        (true, _) => sql::run(arguments, &query),
        (false, true) => lab::insights(arguments, &query),
        (false, false) => files::insights(arguments, &query),
    };
    asked.map_err(|failure| match other_language(&query, is_sql) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// A query may begin with a comment, `-- top talkers`; one word that begins so is no query.
fn query_or_comment(text: &str) -> Result<String, String> {
    if text.starts_with('-') && !text.contains(char::is_whitespace) {
        return Err("there is no such option; `wirelab query --help` lists them".to_owned());
    }
    Ok(text.to_owned())
}

/// What to do if the query looks like one in the other language.
fn other_language(query: &str, is_sql: bool) -> Option<&'static str> {
    const COMMANDS: [&str; 7] = [
        "fields", "filter", "stats", "display", "parse", "sort", "limit",
    ];
    let lines = query.lines().map(str::trim_start);
    let mut words = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '-']));
    let word = words.next()?.split_whitespace().next()?.to_lowercase();
    match is_sql {
        true if COMMANDS.contains(&word.as_str()) => {
            Some("this is Logs Insights' language: ask without `--sql` and `--ddl`")
        }
        false if ["select", "with", "create", "show"].contains(&word.as_str()) => {
            Some("`--sql` asks in Athena's SQL, over the table `flow_logs`")
        }
        _ => None,
    }
}

impl Arguments {
    /// How long a query may take.
    fn time(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    fn is_sql(&self) -> bool {
        let file = self.file.as_deref().and_then(|file| file.extension());
        self.sql || self.ddl.is_some() || file.is_some_and(|it| it.eq_ignore_ascii_case("sql"))
    }
}

/// The query that is asked, wherever it stands.
fn query_text(arguments: &Arguments, is_sql: bool) -> Result<String, Failure> {
    if let Some(query) = &arguments.query {
        return Ok(query.clone());
    }
    if let Some(file) = &arguments.file {
        return read_text(file);
    }
    let name = arguments.saved.as_deref().unwrap_or_default();
    let Some(saved) = SavedQuery::find(name) else {
        let names: Vec<&str> = SAVED_QUERIES.iter().map(|it| it.name).collect();
        return Err(Failure::usage(format!("no saved query is called `{name}`"))
            .did_you_mean(name, &names)
            .hint("`wirelab query --saved` lists them"));
    };
    let text = if is_sql { saved.sql } else { saved.insights };
    output::note(text.trim_end());
    Ok(text.to_owned())
}

fn read_text(file: &Path) -> Result<String, Failure> {
    if file == Path::new("-") {
        return Ok(std::io::read_to_string(std::io::stdin())?);
    }
    let octets = std::fs::read(file);
    let text = octets.map(|octets| wirelab_session::typed(&octets));
    text.map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn list_saved(json: bool) -> Result<Code, Failure> {
    if json {
        let items = SAVED_QUERIES.iter().map(|it| {
            serde_json::json!({
                "name": it.name,
                "about": it.about(),
                "insights": it.insights,
                "sql": it.sql,
            })
        });
        output::json(&items.collect::<Vec<_>>())?;
        return Ok(Code::Passed);
    }
    let width = SAVED_QUERIES
        .iter()
        .map(|it| it.name.len())
        .max()
        .unwrap_or(0);
    let lines = SAVED_QUERIES
        .iter()
        .map(|it| format!("{:width$}  {}\n", it.name, it.about()));
    output::text(&lines.collect::<String>())?;
    Ok(Code::Passed)
}

/// A query's error names its place, so it is printed as it is.
pub(crate) fn failure(error: QueryError) -> Failure {
    match error {
        QueryError::Internal(_) => Failure::internal(error),
        error => Failure::usage(visible(error.report().trim_start_matches("error: "))),
    }
}
