//! One line a value and group, over time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Reset};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Style};
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};
use wirelab_query::QueryResult;

use super::bars::cut;
use super::{Canvas, Columns, label, number, scale};

const HEIGHT: u16 = 16;
const WIDTH_MIN: usize = 24;
const WIDTH_MAX: usize = 160;
/// Series that can be told apart.
const SERIES_MAX: usize = 6;
const COLORS: [(Color, AnsiColor); SERIES_MAX] = [
    (Color::Cyan, AnsiColor::Cyan),
    (Color::Yellow, AnsiColor::Yellow),
    (Color::Green, AnsiColor::Green),
    (Color::Magenta, AnsiColor::Magenta),
    (Color::Red, AnsiColor::Red),
    (Color::Blue, AnsiColor::Blue),
];
/// Marks of the series where there is no colour.
const MARKS: [&str; SERIES_MAX] = ["*", "+", "o", "x", "#", "@"];

struct Series {
    name: String,
    /// Seconds since the epoch, value.
    points: Vec<(f64, f64)>,
    total: f64,
}

pub(super) fn draw(result: &QueryResult, time: usize, columns: &Columns, canvas: Canvas) -> String {
    let mut series = series(result, time, columns);
    let left_out = series.split_off(series.len().min(SERIES_MAX));
    let points = || series.iter().flat_map(|it| &it.points);
    let first = points().map(|it| it.0).fold(f64::INFINITY, f64::min);
    let last = points().map(|it| it.0).fold(f64::NEG_INFINITY, f64::max);
    let lowest = points().map(|it| it.1).fold(0.0, f64::min);
    let top = scale::round_up(points().map(|it| it.1).fold(0.0, f64::max)).max(lowest + 1.0);

    let step = step(&series);
    let runs = series.iter().zip(COLORS).flat_map(|(series, (color, _))| {
        let runs = series.points.chunk_by(|a, b| b.0 - a.0 < 1.5 * step);
        runs.map(move |run| (run, color))
    });
    let datasets = runs.map(|(run, color)| {
        Dataset::default()
            .data(run)
            .marker(if canvas.color && !canvas.ascii {
                Marker::Braille
            } else {
                Marker::Dot
            })
            .graph_type(match run.len() {
                1 => GraphType::Scatter,
                _ => GraphType::Line,
            })
            .style(Style::default().fg(color))
    });
    let clock = |at: f64| clock(at, last - first);
    let values = [lowest, f64::midpoint(lowest, top), top].map(scale::short);
    let width = canvas.width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut times = vec![clock(first), clock(f64::midpoint(first, last)), clock(last)];
    if times.iter().map(|time| time.len() + 4).sum::<usize>() > width {
        times.remove(1); // they would run into one another
    }
    let chart = Chart::new(datasets.collect())
        .x_axis(Axis::default().bounds([first, last]).labels(times))
        .y_axis(Axis::default().bounds([lowest, top]).labels(values))
        .legend_position(None);
    let area = Rect::new(0, 0, u16::try_from(width).unwrap_or(u16::MAX), HEIGHT);
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);

    let mut text = print(&buffer, canvas);
    for (at, series) in series.iter().enumerate() {
        let name = cut(&series.name, width.saturating_sub(3), canvas.ascii);
        let _ = writeln!(text, "{} {name}", key(at, canvas));
    }
    if !left_out.is_empty() {
        let _ = writeln!(text, "{} smaller series are not drawn", left_out.len());
    }
    text
}

/// Seconds between two bins: a line goes from each to the next, not over bins in which nothing was.
fn step(series: &[Series]) -> f64 {
    let mut times: Vec<f64> = series
        .iter()
        .flat_map(|it| &it.points)
        .map(|it| it.0)
        .collect();
    times.sort_by(f64::total_cmp);
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min)
}

/// The largest first.
fn series(result: &QueryResult, time: usize, columns: &Columns) -> Vec<Series> {
    let mut found: BTreeMap<String, Series> = BTreeMap::new();
    for row in &result.rows {
        let Some(at) = row[time].as_deref().and_then(seconds) else {
            continue;
        };
        let group = label(row, &columns.groups);
        for value in &columns.values {
            let Some(number) = number(row, *value) else {
                continue;
            };
            let column = &result.columns[*value].name;
            let name = match (columns.groups.is_empty(), columns.values.len()) {
                (true, _) => column.clone(),
                (false, 1) => group.clone(),
                (false, _) => format!("{group} {column}"),
            };
            let series = found.entry(name.clone()).or_insert_with(|| Series {
                name,
                points: Vec::new(),
                total: 0.0,
            });
            series.points.push((at, number));
            series.total += number;
        }
    }
    let mut series: Vec<Series> = found.into_values().collect();
    for one in &mut series {
        one.points.sort_by(|left, right| left.0.total_cmp(&right.0));
    }
    series.sort_by(|left, right| right.total.total_cmp(&left.total));
    series
}

/// `2024-03-05 00:05:00.000` as seconds since the epoch.
fn seconds(time: &str) -> Option<f64> {
    let time = time.strip_suffix(" UTC").unwrap_or(time);
    let civil: jiff::civil::DateTime = time.parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond() as f64 / 1000.0)
}

/// A moment as an axis over `span` seconds shows it.
fn clock(at: f64, span: f64) -> String {
    const DAY: f64 = 86_400.0;
    let format = if span >= 2.0 * DAY {
        "%m-%d %H:%M"
    } else if span >= 600.0 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    let moment = jiff::Timestamp::from_second(at as i64);
    moment.map_or_else(|_| String::new(), |it| it.strftime(format).to_string())
}

fn key(at: usize, canvas: Canvas) -> String {
    if !canvas.color {
        return MARKS[at].to_owned();
    }
    let line = if canvas.ascii { "--" } else { "──" };
    let color = COLORS[at].1;
    format!("{}{line}{}", color.render_fg(), Reset.render())
}

/// The buffer's lines; a cell's colour says which series it belongs to.
fn print(buffer: &Buffer, canvas: Canvas) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut colored = None;
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let color = COLORS.iter().position(|(color, _)| *color == cell.fg);
            let series = color.filter(|_| cell.symbol() != " ");
            if canvas.color && series != colored {
                let style = series.map(|at| COLORS[at].1.render_fg().to_string());
                line.push_str(&style.unwrap_or_else(|| Reset.render().to_string()));
                colored = series;
            }
            line.push_str(match series {
                Some(at) if !canvas.color => MARKS[at],
                Some(_) if canvas.ascii => "*",
                None if canvas.ascii => as_ascii(cell.symbol()),
                _ => cell.symbol(),
            });
        }
        text.push_str(line.trim_end());
        if colored.is_some() {
            let _ = write!(text, "{}", Reset.render());
        }
        text.push('\n');
    }
    text
}

/// The axes.
fn as_ascii(symbol: &str) -> &str {
    match symbol {
        "│" => "|",
        "─" => "-",
        "└" => "+",
        other => other,
    }
}
