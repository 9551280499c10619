//! The queries of an alarm on metric math: `Metrics` of `PutMetricAlarm`.

use std::collections::BTreeMap;

use serde::Deserialize;
use smol_str::SmolStr;
use wirelab_model::ApiError;

use super::math::{self, Expression, Kind};
use super::{Dimension, MetricDataQuery, MetricStat, QuerySource, metric};
use crate::error;

/// Queries of an alarm, and of them metrics and expressions, at most (API Reference,
/// "MetricDataQuery").
const QUERIES_AT_MOST: usize = 20;
const OF_A_SORT_AT_MOST: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Query {
    id: SmolStr,
    metric_stat: Option<Stat>,
    expression: Option<SmolStr>,
    label: Option<SmolStr>,
    return_data: Option<bool>,
    period: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stat {
    metric: StatMetric,
    period: u32,
    stat: SmolStr,
    unit: Option<SmolStr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatMetric {
    namespace: SmolStr,
    metric_name: SmolStr,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

/// The queries, if an alarm can watch them.
pub(super) fn checked(queries: Vec<Query>) -> Result<Vec<MetricDataQuery>, ApiError> {
    if queries.len() > QUERIES_AT_MOST {
        return wrong(format_args!(
            "The collection Metrics must not have a size greater than {QUERIES_AT_MOST}."
        ));
    }
    let read = queries.into_iter().map(Query::read);
    let queries = read.collect::<Result<Vec<MetricDataQuery>, _>>()?;
    let returns = |it: &&MetricDataQuery| it.return_data.unwrap_or(true);
    if queries.iter().filter(returns).count() != 1 {
        return wrong("Exactly one element of the metrics list should return data.");
    }
    let stats = || {
        queries.iter().filter_map(|it| match &it.source {
            QuerySource::Metric(stat) => Some(stat),
            QuerySource::Expression(_) => None,
        })
    };
    let metrics = stats().count();
    if metrics > OF_A_SORT_AT_MOST || queries.len() - metrics > OF_A_SORT_AT_MOST {
        return wrong(format_args!(
            "The metrics list must not have more than {OF_A_SORT_AT_MOST} metrics and \
             {OF_A_SORT_AT_MOST} expressions."
        ));
    }
    let period = stats().next().map(|it| it.period);
    if stats().any(|it| Some(it.period) != period) {
        return wrong(
            "wirelab evaluates alarms on metrics of one period: those of Metrics differ.",
        );
    }
    check_expressions(&queries)?;
    Ok(queries)
}

impl Query {
    fn read(self) -> Result<MetricDataQuery, ApiError> {
        let id = self.id;
        if !math::is_id(&id) {
            return wrong(format_args!(
                "The value {id} for parameter Metrics is not matching the expected pattern \
                 ^[a-z][a-zA-Z0-9_]*$."
            ));
        }
        let source = match (self.metric_stat, self.expression) {
            (Some(stat), None) => QuerySource::Metric(stat.read()?),
            (None, Some(text)) => QuerySource::Expression(text),
            (Some(_), Some(_)) => return wrong(math::BOTH),
            (None, None) => return wrong(math::NEITHER),
        };
        Ok(MetricDataQuery {
            id,
            label: self.label,
            return_data: self.return_data,
            period: self.period,
            source,
        })
    }
}

impl Stat {
    fn read(self) -> Result<MetricStat, ApiError> {
        super::alarm::check_period(self.period)?;
        super::alarm::check_statistic(&self.stat)?;
        let StatMetric {
            namespace,
            metric_name,
            dimensions,
        } = self.metric;
        Ok(MetricStat {
            metric: metric(namespace, metric_name, dimensions),
            unit: self.unit,
            statistic: self.stat,
            period: self.period,
        })
    }
}

/// Every expression can be evaluated, and what the alarm watches is one time series.
fn check_expressions(queries: &[MetricDataQuery]) -> Result<(), ApiError> {
    let mut by_id: BTreeMap<&str, Option<Expression>> = BTreeMap::new();
    for query in queries {
        let expression = match &query.source {
            QuerySource::Metric(_) => None,
            QuerySource::Expression(text) => {
                let read = math::expression(text);
                Some(read.map_err(|why| in_expression(&query.id, &why))?)
            }
        };
        if by_id.insert(&query.id, expression).is_some() {
            return wrong("The values for parameter id in Metrics are not unique.");
        }
    }
    let mut kinds = Kinds {
        by_id: &by_id,
        known: BTreeMap::new(),
        open: Vec::new(),
    };
    for query in queries {
        let kind = kinds.of(&query.id);
        let kind = kind.map_err(|why| in_expression(&query.id, &why))?;
        if query.return_data.unwrap_or(true) && kind != Kind::Series {
            let why = "an alarm watches a single time series, and this is another thing";
            return Err(in_expression(&query.id, why));
        }
    }
    Ok(())
}

/// What queries are, each found once.
struct Kinds<'q> {
    /// Expressions; `None` is a metric.
    by_id: &'q BTreeMap<&'q str, Option<Expression>>,
    known: BTreeMap<SmolStr, Kind>,
    /// Those that are being looked at, one for another.
    open: Vec<SmolStr>,
}

impl Kinds<'_> {
    fn of(&mut self, id: &SmolStr) -> Result<Kind, String> {
        if let Some(kind) = self.known.get(id) {
            return Ok(*kind);
        }
        let kind = match self.by_id.get(id.as_str()) {
            None => return Err(format!("there is no query {id}")),
            Some(None) => Kind::Series,
            Some(Some(_)) if self.open.contains(id) => return Err(math::CIRCLE.to_owned()),
            Some(Some(expression)) => {
                self.open.push(id.clone());
                let kind = math::kind(expression, &mut |other| self.of(other))?;
                self.open.pop();
                kind
            }
        };
        self.known.insert(id.clone(), kind);
        Ok(kind)
    }
}

fn in_expression(id: &str, why: &str) -> ApiError {
    error::alarm_validation(math::error_in(id, why))
}

fn wrong<T>(message: impl std::fmt::Display) -> Result<T, ApiError> {
    Err(error::alarm_validation(message))
}
