//! The control plane, sans-IO: calls and observations in, replies and changes out.
//!
//! [`Control`] holds what the EC2 API would show: resources with their states, and the timers that
//! move them (`pending` to `available`). It answers with EC2's member names and error codes.
//! Route 53, CloudWatch, its Logs, CloudTrail, Athena, IAM and SSM have operations beside EC2's as
//! far as they keep things. It knows no packets: what a call does to the network leaves as
//! [`Changes`](wirelab_model::Changes) with the moment at which the data plane obeys, and the
//! caller carries them to the simulator.
//!
//! A call's way through the modules:
//!
//! 1. [`control`](Control::handle) finds the [`Operation`] in the table and splits off what many
//!    operations share (`DryRun`, `ClientToken`, `TagSpecifications`, `Filters`, paging);
//! 2. `request` reads the remaining parameters into the operation's request type, with EC2's
//!    errors for what is unknown, missing or of the wrong type;
//! 3. the handler in `ec2/<resource>.rs` checks and edits the state. It may fail half way: the
//!    state is put back;
//! 4. `reconcile` recomputes what follows from the rest: local and propagated routes, blackholes;
//! 5. the difference between the resources before and after becomes the changes.
//!
//! Whose a resource is, and who sees it, is `realm`'s business: an account in a Region.
//!
//! Left to others: who may call (every caller may do everything in its account), wire protocols,
//! packets, time itself.

mod arguments;
mod athena;
mod clock;
mod cloudtrail;
mod cloudwatch;
mod control;
mod describe;
mod ec2;
mod error;
mod iam;
mod kind;
mod logs;
mod network;
mod operation;
mod page;
pub mod policy;
mod quota;
mod realm;
mod reconcile;
mod request;
mod route53;
mod service_quotas;
mod shown_filter;
mod signature;
mod ssm;
mod state;
mod stated;
mod tags;
mod timer;
mod transaction;
mod view;

pub use athena::WorkGroup;
pub use cloudtrail::Logging;
pub use cloudwatch::{
    AlarmChange, AlarmConfiguration, AlarmEvent, AlarmState, ComparisonOperator, MetricDataQuery,
    MetricStat, PutDatum, QuerySource, Samples, TreatMissingData, Watched, math,
};
pub use control::{CallIds, Control, ControlConfig, Input, Output};
pub use ec2::{Question, QuestionSource};
pub use iam::{AssumeRefusal, AssumeRequest};
pub use kind::tagged;
pub use logs::{
    Extracted, FilterPattern, FlowLogFeed, LogGroup, LogStream, MetricFilter, MetricPublication,
    MetricTransformation, PatternError, PutEvent, SubscriptionFilter,
};
pub use operation::Operation;
pub use page::{page_from, start_of, token_of};
pub use quota::Quotas;
pub use signature::ParameterKind;
pub use ssm::Script;
pub use timer::Delays;
