//! What metric filters publish into CloudWatch.
//!
//! An event counts when it arrives, in the minute of its arrival: a filter sees events as they are
//! sent to Logs, and reports its default value for a minute in which logs arrive and none matches
//! (Amazon CloudWatch Logs User Guide, "Creating metrics from log events using filters"). The
//! minute can be seen when it is over. A value that is no number, and a dimension that the event
//! lacks, publish nothing.
//!
//! Events that clients put are counted here, as they arrive. Records of flow logs are the
//! simulator's; for who has them a [`MetricPublication`] says what to make of them. What was
//! published stays when the filter, the events or the group go, so filters that have ended are
//! kept.

use std::collections::BTreeMap;

use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Metric, MetricDimension, SimTime, UnixTime};

use super::{
    Extracted, FilterPattern, LogsOfRealm, MetricFilter, MetricPublication, MetricTransformation,
    group_mut, own_mut,
};
use crate::cloudwatch::{PutDatum, Samples, is_number};
use crate::transaction::Transaction;

impl MetricTransformation {
    /// Metric and value of an event that the filter's pattern matches.
    #[must_use]
    pub fn apply(&self, extracted: &Extracted) -> Option<(Metric, SmolStr)> {
        let taken = |text: &SmolStr| match text.starts_with('$') {
            true => extracted.get(text.as_str()).map(SmolStr::from),
            false => Some(text.clone()),
        };
        let value = taken(&self.metric_value).filter(|it| is_number(it))?;
        let dimension = |(name, value): (&SmolStr, &SmolStr)| {
            let value = taken(value).filter(|it| !it.is_empty())?;
            Some(MetricDimension {
                name: name.clone(),
                value,
            })
        };
        let dimensions = self.dimensions.iter().map(dimension);
        let dimensions = dimensions.collect::<Option<Vec<_>>>()?;
        Some((self.metric(dimensions), value))
    }

    /// The metric with these dimensions, which are in the order of their names.
    #[must_use]
    pub fn metric(&self, dimensions: Vec<MetricDimension>) -> Metric {
        Metric {
            namespace: self.metric_namespace.clone(),
            metric_name: self.metric_name.clone(),
            dimensions,
        }
    }
}

/// What filters of the realm have published of flow logs, or do.
pub(crate) fn publications(own: &LogsOfRealm) -> impl Iterator<Item = MetricPublication> {
    let live = own.groups.values().flat_map(|group| {
        let filters = group.metric_filters.values();
        filters.map(|filter| MetricPublication {
            filter: filter.clone(),
            feeds: group.feeds.clone(),
            until: None,
        })
    });
    own.ended_filters.iter().cloned().chain(live)
}

/// One filter of a group, or all, will publish no more.
pub(super) fn end(
    tx: &mut Transaction<'_>,
    group: &str,
    name: Option<&SmolStr>,
) -> Result<(), ApiError> {
    let now = tx.state.now;
    let group = group_mut(tx, group)?;
    let filters = group.metric_filters.values();
    let ended = filters
        .filter(|it| name.is_none_or(|name| it.name == *name) && !group.feeds.is_empty())
        .map(|filter| MetricPublication {
            filter: filter.clone(),
            feeds: group.feeds.clone(),
            until: Some(now),
        });
    let ended: Vec<_> = ended.collect();
    own_mut(tx).ended_filters.extend(ended);
    Ok(())
}

/// What the filters of a group make of messages that have just arrived.
pub(super) fn put(
    tx: &mut Transaction<'_>,
    group: &str,
    messages: &[&str],
) -> Result<(), ApiError> {
    let minute = UnixTime::from_secs(tx.utc().as_secs() / 60 * 60);
    let over = UnixTime::from_secs(minute.as_secs() + 60).since_start(tx.config.starts);
    let filters: Vec<MetricFilter> = group_mut(tx, group)?
        .metric_filters
        .values()
        .cloned()
        .collect();
    let mut published = Vec::new();
    for filter in &filters {
        published.extend(data(filter, messages, (minute, over)));
    }
    if published.is_empty() {
        return Ok(());
    }
    let realm = tx.realm().clone();
    let all = &mut tx.state.cloudwatch_mut().0.entry(realm).or_default().data;
    for (metric, datum) in published {
        all.entry(metric).or_default().push(datum);
    }
    Ok(())
}

fn data(
    filter: &MetricFilter,
    messages: &[&str],
    (minute, available_at): (UnixTime, SimTime),
) -> Vec<(Metric, PutDatum)> {
    let pattern = FilterPattern::parse(&filter.pattern).expect("it was checked when it was put");
    let mut found = Vec::new();
    for transformation in &filter.transformations {
        let extracted = messages.iter().filter_map(|it| pattern.extract(it));
        let mut values: BTreeMap<Metric, BTreeMap<SmolStr, u64>> = BTreeMap::new();
        for (metric, value) in extracted.filter_map(|it| transformation.apply(&it)) {
            *values.entry(metric).or_default().entry(value).or_default() += 1;
        }
        let unit = transformation.unit.clone();
        let unit = unit.unwrap_or_else(|| SmolStr::new_static("None"));
        let datum = |samples| PutDatum {
            timestamp: minute,
            available_at,
            unit: unit.clone(),
            samples,
        };
        if let (true, Some(default)) = (values.is_empty(), &transformation.default_value) {
            let metric = transformation.metric(Vec::new());
            found.push((metric, datum(Samples::Default(default.clone()))));
        }
        for (metric, counts) in values {
            let counts = counts.into_iter();
            let counts = counts.map(|(value, count)| (value, format_smolstr!("{count}")));
            found.push((metric, datum(Samples::Values(counts.collect()))));
        }
    }
    found
}
