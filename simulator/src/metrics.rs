//! What resources count for CloudWatch, minute by minute.
//!
//! A component names its metrics in a [`Table`], counts by [`Watch::count`](crate::trace::Watch)
//! as packets pass, and is asked once a minute what it has in service and what there is to be
//! sampled ([`fabric::measure`](crate::fabric::measure)). At the end of each minute of virtual UTC
//! everything becomes data, which CloudWatch shows after a delay. Nothing is counted, and no minute
//! ends, while nobody observes metrics.
//!
//! What machines' interfaces carry is counted at every capture, so by the machine's number, with
//! nothing to look up.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use wirelab_model::{
    Metric, MetricDatum, MetricDimension, MetricUnit, SimDuration, SmolStr, StatisticSet, UnixTime,
};

/// The period of AWS's network metrics.
pub(crate) const PERIOD: SimDuration = SimDuration::from_secs(60);

/// The metrics of a kind of resource.
#[derive(Debug)]
pub(crate) struct Table {
    /// `AWS/NATGateway`.
    pub(crate) namespace: &'static str,
    /// Names and units; a metric's place is its number.
    pub(crate) metrics: &'static [(&'static str, MetricUnit)],
}

/// The kinds of resources that report metrics; each has its table in the file of its component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Family {
    Endpoint,
    InstanceNetwork,
    InstanceStatus,
    NatGateway,
    TransitGateway,
    Vpn,
}

impl Family {
    const fn table(self) -> &'static Table {
        match self {
            Self::Endpoint => &crate::fabric::ENDPOINT_METRICS,
            Self::InstanceNetwork => &crate::fabric::INSTANCE_NETWORK_METRICS,
            Self::InstanceStatus => &crate::fabric::INSTANCE_STATUS_METRICS,
            Self::NatGateway => &crate::fabric::NAT_GATEWAY_METRICS,
            Self::TransitGateway => &crate::fabric::TRANSIT_GATEWAY_METRICS,
            Self::Vpn => &crate::fabric::VPN_METRICS,
        }
    }
}

/// A resource that reports metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Source {
    family: Family,
    dimensions: Vec<MetricDimension>,
}

impl Source {
    /// A resource by its dimensions, names and values.
    pub(crate) fn new<const N: usize>(
        family: Family,
        dimensions: [(&'static str, &str); N],
    ) -> Self {
        let dimension = |(name, value): (&'static str, &str)| MetricDimension {
            name: SmolStr::new_static(name),
            value: value.into(),
        };
        Self {
            family,
            dimensions: dimensions.map(dimension).to_vec(),
        }
    }
}

/// What the interfaces of a machine have carried: packets, and octets of IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) packets_in: u64,
    pub(crate) octets_in: u64,
    pub(crate) packets_out: u64,
    pub(crate) octets_out: u64,
}

/// A metric's number in its table, and by how much it rises.
pub(crate) type Count = (usize, u64);

/// What has been counted in the minute.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Metrics {
    counts: IndexMap<Source, Vec<u64>, FxBuildHasher>,
    /// By the machine's number.
    carried: Vec<Carried>,
    /// Whether the end of the minute is in the world's queue.
    pub(crate) is_running: bool,
}

impl Metrics {
    /// Adds to the metrics of a resource. With no counts: it reports zeros at least.
    pub(crate) fn add(&mut self, source: &Source, counts: &[Count]) {
        let values = match self.counts.get_mut(source) {
            Some(values) => values,
            None => {
                let zeros = vec![0; source.family.table().metrics.len()];
                self.counts.entry(source.clone()).or_insert(zeros)
            }
        };
        for (metric, amount) in counts {
            values[*metric] += amount;
        }
    }

    /// An interface of a machine has carried a packet of so many octets.
    #[inline]
    pub(crate) fn carry(&mut self, machine: usize, outbound: bool, octets: usize) {
        if machine >= self.carried.len() {
            self.carried.resize(machine + 1, Carried::default());
        }
        let carried = &mut self.carried[machine];
        let (packets, sum) = match outbound {
            true => (&mut carried.packets_out, &mut carried.octets_out),
            false => (&mut carried.packets_in, &mut carried.octets_in),
        };
        *packets += 1;
        *sum += octets as u64;
    }

    /// What a machine's interfaces have carried in the minute; the next begins with nothing.
    pub(crate) fn take_carried(&mut self, machine: usize) -> Carried {
        let carried = self.carried.get_mut(machine);
        carried.map(std::mem::take).unwrap_or_default()
    }

    /// The minute that ends at `end` is over: its data, and counting starts again.
    pub(crate) fn take(&mut self, end: UnixTime) -> Vec<MetricDatum> {
        let timestamp = UnixTime::from_nanos(end.as_nanos() - PERIOD.as_nanos());
        let mut data = Vec::new();
        for (source, values) in self.counts.drain(..) {
            let table = source.family.table();
            for ((name, unit), value) in table.metrics.iter().zip(values) {
                data.push(MetricDatum {
                    metric: Metric {
                        namespace: SmolStr::new_static(table.namespace),
                        metric_name: SmolStr::new_static(name),
                        dimensions: source.dimensions.clone(),
                    },
                    timestamp,
                    statistic_values: StatisticSet::of(value),
                    unit: *unit,
                });
            }
        }
        data
    }
}

/// The first end of a minute of UTC after `now`.
pub(crate) fn next_end(now: UnixTime) -> UnixTime {
    let period = PERIOD.as_nanos();
    UnixTime::from_nanos((now.as_nanos() / period + 1) * period)
}
