//! `wirelab metrics`: what CloudWatch has of the network's resources.

use crate::args::{Json, TEMPLATE};

/// Show the CloudWatch metrics of instances, NAT gateways and other resources
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab metrics
  wirelab metrics app
  wirelab metrics nat
  wirelab metrics nat_gateway.main --metric ErrorPortAllocation
  wirelab metrics nat -m BytesOutToDestination --chart
  wirelab metrics nat --start 09:00 --end 09:10 --json

Times are virtual UTC, as for `wirelab query`. Data come a minute at a time, and a minute's data can
be read a minute after its end. Those of an instance's network are of five minutes each, unless its
monitoring is detailed.

")]
pub(crate) struct Arguments {
    /// Which resources: a part of the namespace (`nat`), a name of the scenario, or an id
    #[arg(value_name = "RESOURCE")]
    resource: Option<String>,
    /// One metric, minute by minute
    #[arg(short, long, value_name = "NAME")]
    metric: Option<String>,
    /// Draw the metric over time
    #[arg(long, requires = "metric", conflicts_with = "json")]
    chart: bool,
    /// Begin of the time range: `09:04` (UTC), `2024-03-05T09:04:00Z`, `+5m`, `10m` (ago), `start`
    #[arg(long, value_name = "TIME", default_value = "start")]
    start: String,
    /// End of the time range, in the same forms
    #[arg(long, value_name = "TIME", default_value = "now")]
    end: String,
    #[command(flatten)]
    json: Json,
}

use std::fmt::Write;

use serde::Serialize;
use wirelab_model::{Metric, StatisticSet, UnixTime};
use wirelab_query::{Column, ColumnKind, QueryResult, Statistics};
use wirelab_scenario::Names;
use wirelab_session::{Datapoint, Datapoints, Run};

use crate::commands::query::{self, chart};
use crate::failure::{Code, Failure};
use crate::terminal::{self, bold};
use crate::{folder, moment, output, spark, when};

/// Seconds between two datapoints.
const MINUTE: u64 = 60;

/// A metric with its data in the time range.
#[derive(Serialize)]
struct Series<'a> {
    #[serde(flatten)]
    metric: &'a Metric,
    /// Whose it is, by its name in the scenario.
    resource: String,
    #[serde(serialize_with = "points")]
    datapoints: Vec<Datapoint>,
}

#[derive(Serialize)]
struct Shown<'a> {
    metrics: Vec<Series<'a>>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let (starts, now) = (session.plan().starts, session.now());
    let window = (
        moment::parse(&arguments.start, now, starts)?,
        moment::parse(&arguments.end, now, starts)?,
    );
    moment::in_order_at(starts.at(now), window.0, window.1)?;
    let run = session.run_with_records()?;
    let metrics = choose(&run, arguments, window)?;
    if arguments.json.json {
        output::json(&Shown { metrics })?;
        return Ok(Code::Passed);
    }
    if metrics.iter().all(|series| series.datapoints.is_empty()) {
        output::note(&explain_nothing(&run, window));
    } else if arguments.chart {
        output::text(&draw(&metrics)?)?;
    } else if arguments.metric.is_some() {
        output::page(&minutes(&metrics))?;
    } else {
        output::page(&summary(&metrics))?;
    }
    Ok(Code::Passed)
}

fn choose<'a>(
    run: &'a Run,
    arguments: &Arguments,
    window: (UnixTime, UnixTime),
) -> Result<Vec<Series<'a>>, Failure> {
    let names = &run.names();
    let all = &run.evidence().metrics;
    let wanted = arguments.resource.as_deref();
    let of_resource = |metric: &&Metric| wanted.is_none_or(|it| is_of(metric, it, names));
    let chosen: Vec<&Metric> = all.keys().filter(of_resource).collect();
    if let Some(wanted) = wanted.filter(|_| chosen.is_empty() && !all.is_empty()) {
        let known: Vec<String> = all.keys().map(|it| resource(it, names)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        return Err(Failure::usage(format!("`{wanted}` reports no metrics"))
            .did_you_mean(wanted, &known)
            .hint("`wirelab metrics` shows everything that does"));
    }
    let is_named = |metric: &&Metric| {
        let name = arguments.metric.as_ref();
        name.is_none_or(|it| metric.metric_name.eq_ignore_ascii_case(it))
    };
    let named: Vec<&Metric> = chosen.iter().copied().filter(|it| is_named(it)).collect();
    if let Some(name) = arguments.metric.as_ref().filter(|_| named.is_empty()) {
        let known: Vec<&str> = chosen.iter().map(|it| it.metric_name.as_str()).collect();
        return Err(
            Failure::usage(format!("there is no metric `{name}` here")).did_you_mean(name, &known)
        );
    }
    let series = named.into_iter().map(|metric| Series {
        metric,
        resource: resource(metric, names),
        datapoints: all[metric]
            .iter()
            .filter(|it| window.0 <= it.timestamp && it.timestamp <= window.1)
            .collect(),
    });
    let mut series: Vec<_> = series.collect();
    // Everything of a resource, or of a tunnel, in one place.
    series.sort_by(|a, b| {
        let heading = |it: &Series<'_>| (it.metric.namespace.clone(), it.resource.clone());
        heading(a).cmp(&heading(b))
    });
    Ok(series)
}

/// Whether the metric is of the resource that somebody calls `wanted`.
fn is_of(metric: &Metric, wanted: &str, names: &Names) -> bool {
    let namespace = metric.namespace.to_ascii_lowercase();
    namespace.contains(&wanted.to_ascii_lowercase())
        || metric.dimensions.iter().any(|it| {
            let id = it.value.as_str();
            id == wanted || names.name_of(id) == Some(wanted) || names.short(id) == Some(wanted)
        })
}

/// `nat_gateway.main`; of several dimensions all, an id where there is no name; a VPN connection
/// before its tunnel, an endpoint before its subnet and without what is the same in both.
fn resource(metric: &Metric, names: &Names) -> String {
    let is_tunnel = |name: &str| name == "TunnelIpAddress";
    let is_part = |name: &str| is_tunnel(name) || name == "Subnet Id";
    let is_said = |name: &str| ["Endpoint Type", "Service Name", "VPC Id"].contains(&name);
    let dimensions = metric.dimensions.iter();
    let mut dimensions: Vec<_> = dimensions.filter(|it| !is_said(&it.name)).collect();
    dimensions.sort_by_key(|it| is_part(&it.name));
    let names = dimensions.into_iter().map(|it| {
        let id = it.value.as_str();
        match names.name_of(id) {
            Some(name) => name.to_owned(),
            None if is_tunnel(&it.name) => format!("tunnel {id}"),
            None => id.to_owned(),
        }
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Metrics that tell a state: their sum says nothing. CloudWatch's useful statistics for them are
/// average, minimum and maximum (NAT gateway: `ActiveConnectionCount`, "the most useful statistic
/// is Max"; Site-to-Site VPN: `TunnelState`, 0 down, 1 up).
fn is_gauge(metric: &Metric) -> bool {
    matches!(
        metric.metric_name.as_str(),
        "ActiveConnectionCount"
            | "ActiveConnections"
            | "PeakBytesPerSecond"
            | "PeakPacketsPerSecond"
            | "TunnelState"
    )
}

/// Sum, or `-` for what is not to be summed.
fn sum(metric: &Metric, it: StatisticSet) -> String {
    if is_gauge(metric) {
        "-".to_owned()
    } else {
        it.sum.to_string()
    }
}

/// The mean of the samples, to hundredths.
fn average(it: StatisticSet) -> String {
    let hundredths = (100 * it.sum).checked_div(it.sample_count).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn explain_nothing(run: &Run, window: (UnixTime, UnixTime)) -> String {
    let utc = when::print_utc;
    let next = format!(
        "no datapoint before {} UTC: a minute's data can be read a minute after its end",
        utc(next_datapoint(run))
    );
    if run.evidence().metrics.is_empty() {
        return format!(
            "CloudWatch has no metrics of this network at {} UTC; instances, interface endpoints, \
             NAT gateways, transit gateways and VPN connections in service report every \
             minute\n{next}",
            utc(run.utc())
        );
    }
    let (start, end) = window;
    let nothing = format!("no data from {} to {} UTC", utc(start), utc(end));
    let known = run.evidence().metrics.values();
    match known.filter_map(Datapoints::latest).max() {
        Some(last) if last < start => {
            format!("{nothing}; the last datapoint is of {}\n{next}", utc(last))
        }
        _ => nothing,
    }
}

/// When the data of the minute can be read that is the first to be over from now on.
fn next_datapoint(run: &Run) -> UnixTime {
    let delay = run.plan().fabric.metrics_delay.as_nanos();
    let due = run.utc().as_nanos().saturating_sub(delay);
    let seconds = (due / 1_000_000_000 / MINUTE + 1) * MINUTE;
    UnixTime::from_nanos(seconds * 1_000_000_000 + delay)
}

const HEADINGS: [&str; 6] = ["metric", "minutes", "sum", "average", "min", "max"];

/// A curve narrower than that shows nothing.
const NARROWEST: usize = 8;

/// One line a metric, under its resource, with its curve where there is room.
fn summary(metrics: &[Series<'_>]) -> String {
    let shown = metrics.iter().filter(|it| !it.datapoints.is_empty());
    let shown: Vec<_> = shown.map(|it| (it, row(it))).collect();
    let width = |at: usize| {
        let cells = shown.iter().map(|(_, row)| row[at].len());
        cells.chain([HEADINGS[at].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let used = widths.iter().sum::<usize>() + 2 * widths.len();
    let room = terminal::columns().saturating_sub(used);
    let axis = Axis::of(metrics).filter(|_| room >= NARROWEST);
    let line = |cells: [&str; 6], curve: &str| {
        let numbers = cells.iter().zip(widths).skip(1);
        let numbers: String = numbers.map(|(it, wide)| format!("  {it:>wide$}")).collect();
        let wide = widths[0];
        let line = format!("{:wide$}{numbers}  {curve}", cells[0]);
        format!("{}\n", line.trim_end())
    };
    let mut text = String::new();
    let mut last = None;
    for (series, row) in &shown {
        let heading = (&series.metric.namespace, &series.resource);
        if last != Some(heading) {
            let blank = if last.is_some() { "\n" } else { "" };
            let title = bold(format!("{}  {}", series.resource, series.metric.namespace));
            let over = axis.as_ref().map_or_else(String::new, Axis::heading);
            text += &format!("{blank}{title}\n{}", line(HEADINGS, &over));
            last = Some(heading);
        }
        let curve = axis.as_ref().map(|it| it.curve(series, room));
        let cells = row.each_ref().map(String::as_str);
        text += &line(cells, &curve.unwrap_or_default());
    }
    text + "\nminute by minute:  wirelab metrics RESOURCE --metric NAME; as a curve: --chart\n"
}

fn row(series: &Series<'_>) -> [String; 6] {
    let points = series.datapoints.iter();
    let all = points.fold(StatisticSet::default(), |all, it| all.merged(it.statistics));
    [
        series.metric.metric_name.to_string(),
        all.sample_count.to_string(),
        sum(series.metric, all),
        average(all),
        all.minimum.to_string(),
        all.maximum.to_string(),
    ]
}

/// The minutes from the first datapoint to the last.
struct Axis {
    first: u64,
    last: u64,
}

impl Axis {
    /// `None`: there is no second minute.
    fn of(metrics: &[Series<'_>]) -> Option<Self> {
        let times = || metrics.iter().flat_map(|it| &it.datapoints);
        let minutes = || times().map(|it| it.timestamp.as_secs() / MINUTE);
        let (first, last) = (minutes().min()?, minutes().max()?);
        (first < last).then_some(Self { first, last })
    }

    /// `09:00 to 09:24`.
    fn heading(&self) -> String {
        let clock = |minute: u64| {
            let utc = when::print_utc(UnixTime::from_secs(minute * MINUTE));
            utc.get(11..16).unwrap_or_default().to_owned()
        };
        format!("{} to {} UTC", clock(self.first), clock(self.last))
    }

    /// What there is to see of a metric in `width` characters: sums, or the maxima of a state.
    fn curve(&self, series: &Series<'_>, width: usize) -> String {
        let mut values = vec![None; usize::try_from(self.last - self.first).unwrap_or(0) + 1];
        for (nth, point) in series.datapoints.iter().enumerate() {
            let at = point.timestamp.as_secs() / MINUTE - self.first;
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            // An instance's datapoint is of five minutes, of which each is a sample.
            let minutes = point.statistics.sample_count.clamp(1, 5);
            // Of its first five it had not begun in all.
            let late = if nth == 0 && minutes > 1 {
                5 - minutes
            } else {
                0
            };
            let at = at.saturating_add(late as usize);
            let value = value_of(series.metric, point.statistics);
            for minute in values.iter_mut().skip(at).take(minutes as usize) {
                *minute = Some(value);
            }
        }
        spark::line(&values, width, terminal::ascii_only())
    }
}

/// What a minute of a metric is drawn as.
fn value_of(metric: &Metric, it: StatisticSet) -> u64 {
    if is_gauge(metric) { it.maximum } else { it.sum }
}

/// The metric as a chart over time, a line for each resource.
fn draw(metrics: &[Series<'_>]) -> Result<String, Failure> {
    let column = |name: &str, kind| Column {
        name: name.to_owned(),
        kind,
    };
    let name = metrics
        .first()
        .map_or("", |it| it.metric.metric_name.as_str());
    let mut columns = vec![
        column("time", ColumnKind::Time),
        column(name, ColumnKind::Number),
    ];
    let several = metrics.len() > 1;
    if several {
        columns.push(column("resource", ColumnKind::Text));
    }
    let rows = metrics.iter().flat_map(|series| {
        series.datapoints.iter().map(move |point| {
            let time = format!("{}.000", when::print_utc(point.timestamp));
            let value = value_of(series.metric, point.statistics).to_string();
            let resource = several.then(|| Some(series.resource.clone()));
            let cells = [Some(time), Some(value)];
            cells.into_iter().chain(resource).collect::<Vec<_>>()
        })
    });
    let result = QueryResult {
        columns,
        rows: rows.collect(),
        events: None,
        statistics: Statistics::default(),
        warnings: Vec::new(),
    };
    if Axis::of(metrics).is_none() {
        return Err(
            Failure::usage("a chart needs two minutes of data, and there is one")
                .hint("`wirelab advance 5m` makes more"),
        );
    }
    chart::draw(&result, query::canvas())
}

/// One line a minute.
fn minutes(metrics: &[Series<'_>]) -> String {
    let mut text = String::new();
    for (at, series) in metrics.iter().enumerate() {
        let blank = if at > 0 { "\n" } else { "" };
        let metric = &series.metric;
        let title = format!(
            "{}  {}  {}",
            series.resource, metric.namespace, metric.metric_name
        );
        writeln!(text, "{blank}{}", bold(title)).expect("a string takes everything");
        writeln!(
            text,
            "{:19}  {:>7}  {:>12}  {:>12}  {:>10}  {:>10}",
            "time (UTC)", "samples", "sum", "average", "min", "max"
        )
        .expect("a string takes everything");
        for point in &series.datapoints {
            let it = point.statistics;
            let time = when::print_utc(point.timestamp);
            writeln!(
                text,
                "{time:19}  {:>7}  {:>12}  {:>12}  {:>10}  {:>10}",
                it.sample_count,
                sum(metric, it),
                average(it),
                it.minimum,
                it.maximum
            )
            .expect("a string takes everything");
        }
    }
    text
}

/// Data as CloudWatch's replies have it.
fn points<S: serde::Serializer>(points: &[Datapoint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().map(|point| {
        let it = point.statistics;
        serde_json::json!({
            "Timestamp": format!("{}Z", when::print_utc(point.timestamp).replace(' ', "T")),
            "SampleCount": it.sample_count,
            "Sum": it.sum,
            "Minimum": it.minimum,
            "Maximum": it.maximum,
            "Unit": point.unit,
        })
    }))
}
