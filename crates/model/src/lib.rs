//! The nouns of wirelab as values: AWS resources with EC2's names, calls, changes, flow records,
//! virtual time and the seed. No behaviour beyond parsing, printing and looking up.
//!
//! Every engine (`simulator`, `control`, `flowlog`, ...) knows this crate and none of the others,
//! so what crosses from one to another is defined here:
//!
//! | value | from | to |
//! | --- | --- | --- |
//! | [`Call`], [`Reply`] | a person, a scenario file, the journal | the control plane and back |
//! | [`Changes`] | the control plane | the simulator: a new generation of [`Resources`] |
//! | [`Observation`] | the simulator | the control plane |
//! | [`FlowRecord`] | the simulator's flow aggregation | log files, the query engine |
//!
//! Resource structs bear the EC2 API's names. Their serde form is the API's (`PascalCase`), so a
//! describe reply is the resource, serialised, less its nulls. None of them uses
//! `skip_serializing_if`, `flatten` or `untagged`: the same derive also serves the compact binary
//! form of a saved world.

mod aws_service;
mod call;
mod cidr;
mod dns_name;
mod flow_field;
mod flow_record;
mod id;
mod instance_type;
mod metric;
mod observation;
mod port;
mod protocol;
mod reference;
mod region;
mod resource;
mod resources;
mod seed;
mod sudo;
mod text;
mod time;
mod timeout;

pub use aws_service::{AWS_SERVICES, AwsService, aws_ip_range};
pub use call::{ApiError, ApiErrorKind, Call, Caller, Reply};
pub use cidr::{CidrError, canonical, parse_cidr};
pub use dns_name::{private_dns_name, public_dns_name, read_private_name, read_public_name};
pub use flow_field::{FlowField, FlowFieldType};
pub use flow_record::{
    Flow, FlowAction, FlowDirection, FlowMetadata, FlowRecord, LogStatus, NextHop, Place, TcpFlags,
    TrafficPath,
};
pub use id::*;
pub use instance_type::InstanceType;
pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
pub use metric::{Metric, MetricDatum, MetricDimension, MetricUnit, StatisticSet};
pub use observation::Observation;
pub use port::PortRange;
pub use protocol::{IpProtocol, ProtocolError};
pub use reference::ReferenceOver;
pub use region::{REGIONS, is_region};
pub use resource::*;
pub use resources::{Change, Changes, Resource, ResourceRef, Resources};
pub use seed::{Seed, Stream};
pub use smol_str::SmolStr;
pub use sudo::{Sudo, SudoEnvironment, SudoError, read_sudo, without_sudo};
pub use text::{fits_stars, fits_wildcards, hex, percent_decoded, percent_encoded, wrapped};
pub use time::{DurationParseError, SimDuration, SimTime, UnixTime};
pub use timeout::{
    Signal, Timeout, TimeoutError, late_notice, late_status, read_span, read_timeout,
};
