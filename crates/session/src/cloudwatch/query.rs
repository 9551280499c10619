//! Queries that may refer to each other: metrics by periods, and math on them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use wirelab_control::{MetricDataQuery, MetricStat, QuerySource, math as written};
use wirelab_model::{Metric, SimTime};

use super::math::{self, Others, Points};
use super::series::Series;

/// The queries of a request or of an alarm, over a span of time.
#[derive(Debug)]
pub struct MetricQueries<'q> {
    all: &'q [MetricDataQuery],
    metrics: &'q BTreeMap<Metric, Series>,
    /// Seconds since the epoch.
    span: (u64, u64),
    /// Data count that are there by then.
    by: SimTime,
    /// Expressions that are being evaluated, one for another.
    depth: Cell<usize>,
    /// What was evaluated, by id: it may be shown and referred to.
    known: RefCell<BTreeMap<&'q str, Points>>,
}

impl<'q> MetricQueries<'q> {
    /// Queries over the periods from the first second of a span to before the other, of data that
    /// are there by then.
    #[must_use]
    pub fn new(
        all: &'q [MetricDataQuery],
        metrics: &'q BTreeMap<Metric, Series>,
        span: (u64, u64),
        by: SimTime,
    ) -> Self {
        Self {
            all,
            metrics,
            span,
            by,
            depth: Cell::new(0),
            known: RefCell::default(),
        }
    }

    /// The data of one of them.
    ///
    /// # Errors
    /// What is wrong with its expression, in CloudWatch's words.
    pub fn points(&self, query: &'q MetricDataQuery) -> Result<Points, String> {
        let id = query.id.as_str();
        if let Some(points) = self.known.borrow().get(id) {
            return Ok(points.clone());
        }
        let points = match &query.source {
            QuerySource::Metric(stat) => self.of_metric(stat),
            QuerySource::Expression(text) => (self.of_expression(text))
                .map_err(|why| written::error_in(id, why.trim_end_matches('.')))?,
        };
        self.known.borrow_mut().insert(id, points.clone());
        Ok(points)
    }

    fn of_metric(&self, stat: &MetricStat) -> Points {
        let period = u64::from(stat.period);
        let unit = stat.unit.as_deref();
        let series = self.metrics.get(&stat.metric);
        let periods = series.map(|it| it.periods(self.span, period, unit, self.by));
        let values = periods.into_iter().flatten();
        Points {
            period,
            span: self.span,
            values: values
                .filter_map(|(at, data)| Some((at, data.statistic(&stat.statistic)?)))
                .collect(),
        }
    }

    fn of_expression(&self, text: &str) -> Result<Points, String> {
        self.depth.set(self.depth.get() + 1);
        let points = match self.depth.get() > self.all.len() {
            true => Err(written::CIRCLE.to_owned()),
            false => math::evaluate(text, self),
        };
        self.depth.set(self.depth.get() - 1);
        points
    }
}

impl Others for MetricQueries<'_> {
    fn series(&self, id: &str) -> Result<Points, String> {
        let query = self.all.iter().find(|it| it.id == id);
        let query = query.ok_or_else(|| format!("there is no query {id}"))?;
        self.points(query)
    }

    fn metrics(&self, containing: &str) -> Result<Vec<Points>, String> {
        let all = self
            .all
            .iter()
            .filter(|it| matches!(it.source, QuerySource::Metric(_)) && it.id.contains(containing));
        all.map(|it| self.points(it)).collect()
    }
}
