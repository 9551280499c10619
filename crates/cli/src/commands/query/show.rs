//! What a query answered, on the screen or as data.

use std::io::IsTerminal;

use wirelab_query::QueryResult;

use super::{Arguments, chart};
use crate::failure::Failure;
use crate::{output, pager, terminal};

/// Prints the answer as the arguments ask, and what it cost.
pub(super) fn answer(result: &QueryResult, arguments: &Arguments) -> Result<(), Failure> {
    let as_data = arguments.csv || arguments.json.json;
    if arguments.chart {
        output::text(&chart::draw(result, canvas())?)?;
        statistics(result);
        return Ok(());
    }
    print(result, arguments.csv, arguments.json.json)?;
    offer_chart(result);
    let is_dash = |row: &Vec<Option<String>>| row.iter().any(|it| it.as_deref() == Some("-"));
    if result.rows.iter().any(is_dash) && !as_data {
        output::note(
            "`-`: records without data (NODATA: nothing seen in that time; SKIPDATA); \
             `filter srcAddr != \"-\"` leaves them out",
        );
    }
    Ok(())
}

/// The rows of a SELECT as a table or a chart, and what they cost.
pub(super) fn sql(result: &QueryResult, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.chart {
        output::text(&chart::draw(result, canvas())?)?;
    } else {
        pager::text(&result.to_table())?;
    }
    output::note(&format!(
        "{}; {} bytes scanned",
        count(result.rows.len()),
        result.statistics.bytes_scanned
    ));
    if !arguments.chart {
        offer_chart(result);
    }
    Ok(())
}

/// Says on a terminal that there is a chart of this.
fn offer_chart(result: &QueryResult) {
    if chart::is_drawable(result) && std::io::stdout().is_terminal() {
        output::note("`--chart` draws it");
    }
}

fn count(rows: usize) -> String {
    format!("{rows} {}", if rows == 1 { "row" } else { "rows" })
}

pub(crate) fn print(result: &QueryResult, csv: bool, json: bool) -> Result<(), Failure> {
    for warning in &result.warnings {
        output::note(&warning.report());
    }
    if json {
        return output::json(&result.to_json());
    }
    if csv {
        return output::data(&result.to_csv());
    }
    pager::text(&result.to_table())?;
    statistics(result);
    Ok(())
}

/// What the chart is drawn on.
pub(crate) fn canvas() -> chart::Canvas {
    let color = anstream::AutoStream::choice(&std::io::stdout());
    chart::Canvas {
        width: terminal::columns(),
        color: color != anstream::ColorChoice::Never,
        ascii: terminal::ascii_only(),
    }
}

fn statistics(result: &QueryResult) {
    let cost = result.statistics;
    output::note(&format!(
        "{}; {} of {} records matched, {} bytes scanned",
        count(result.rows.len()),
        cost.records_matched,
        cost.records_scanned,
        cost.bytes_scanned
    ));
}
