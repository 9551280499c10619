//! The table of operations: which there are, what they take, who handles them.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wirelab_model::{ApiError, Reply};

use crate::arguments::Common;
use crate::describe::Reader;
use crate::request::Lack;
use crate::signature::{self, ParameterKind};
use crate::transaction::Transaction;
use crate::{
    athena, cloudtrail, cloudwatch, ec2, error, iam, logs, request, route53, service_quotas, ssm,
    stated,
};

/// One API operation.
pub struct Operation {
    /// EC2's name: `CreateNetworkAclEntry`.
    pub name: &'static str,
    pub(crate) common: &'static [Common],
    pub(crate) fields: fn() -> &'static [&'static str],
    pub(crate) signature: fn() -> Vec<ParameterKind>,
    pub(crate) lack: fn(Map<String, Value>) -> Lack,
    pub(crate) handler: Handler,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operation").field(&self.name).finish()
    }
}

impl Operation {
    /// Names of the parameters that the operation takes: its own, then those that many share.
    #[must_use]
    pub fn parameters(&self) -> Vec<&'static str> {
        let common = self.common.iter().flat_map(|common| common.names());
        (self.fields)().iter().chain(common).copied().collect()
    }

    /// What kind its own parameters are, and which of them a call must have.
    #[must_use]
    pub fn kinds(&self) -> Vec<ParameterKind> {
        (self.signature)()
    }

    /// The first of a call's parameters that the operation does not take, with its full path:
    /// `ChangeBatch.Changes[0].Comment`.
    #[must_use]
    pub fn unknown(&self, parameters: &Map<String, Value>) -> Option<String> {
        let rest = stated::without(self.name, parameters);
        let parameters = rest.as_ref().unwrap_or(parameters);
        let known = self.parameters();
        let mut names = parameters.keys();
        if let Some(name) = names.find(|name| !known.contains(&name.as_str())) {
            return Some(name.clone());
        }
        let own = parameters.iter();
        let own = own.filter(|(name, _)| (self.fields)().contains(&name.as_str()));
        let own = own.map(|(name, value)| (name.clone(), value.clone()));
        match (self.lack)(own.collect()) {
            Lack::Unknown(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the operation changes nothing.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self.handler, Handler::Read(_))
    }
}

pub(crate) type ReadFn = fn(&Reader<'_>, Map<String, Value>) -> Reply;
pub(crate) type WriteFn = fn(&mut Transaction<'_>, Map<String, Value>) -> Reply;

pub(crate) enum Handler {
    Read(ReadFn),
    Write(WriteFn),
}

/// The request type's fields, found through the type of its handler.
pub(crate) const fn read_request<R: DeserializeOwned>(
    _: fn(&Reader<'_>, R) -> Reply,
) -> fn() -> &'static [&'static str] {
    request::fields::<R>
}

/// As [`read_request`], for a handler that changes something.
pub(crate) const fn write_request<R: DeserializeOwned>(
    _: fn(&mut Transaction<'_>, R) -> Reply,
) -> fn() -> &'static [&'static str] {
    request::fields::<R>
}

/// What keeps parameters from being the request of a handler that reads.
pub(crate) const fn read_lack<R: DeserializeOwned>(
    _: fn(&Reader<'_>, R) -> Reply,
) -> fn(Map<String, Value>) -> Lack {
    request::lack::<R>
}

/// As [`read_lack`], for a handler that changes something.
pub(crate) const fn write_lack<R: DeserializeOwned>(
    _: fn(&mut Transaction<'_>, R) -> Reply,
) -> fn(Map<String, Value>) -> Lack {
    request::lack::<R>
}

/// The kinds of the request type's fields.
pub(crate) const fn read_signature<R: DeserializeOwned>(
    _: fn(&Reader<'_>, R) -> Reply,
) -> fn() -> Vec<ParameterKind> {
    signature::parameters::<R>
}

/// As [`read_signature`], for a handler that changes something.
pub(crate) const fn write_signature<R: DeserializeOwned>(
    _: fn(&mut Transaction<'_>, R) -> Reply,
) -> fn() -> Vec<ParameterKind> {
    signature::parameters::<R>
}

/// A table of operations: name, whether it reads or writes, handler, shared parameters.
macro_rules! operations {
    ($($name:ident $kind:ident $handler:path, [$($common:ident)*];)*) => {
        /// Every operation, sorted by name: parameters that it shares with others in brackets.
        pub(crate) static OPERATIONS: &[Operation] = &[$(Operation {
            name: stringify!($name),
            common: &[$($common),*],
            fields: operations!(@fields $kind $handler),
            signature: operations!(@signature $kind $handler),
            lack: operations!(@lack $kind $handler),
            handler: Handler::$kind(|context, parameters| {
                $handler(context, request::read(parameters)?)
            }),
        }),*];
    };
    (@fields Read $handler:path) => { read_request($handler) };
    (@fields Write $handler:path) => { write_request($handler) };
    (@signature Read $handler:path) => { read_signature($handler) };
    (@signature Write $handler:path) => { write_signature($handler) };
    (@lack Read $handler:path) => { crate::operation::read_lack($handler) };
    (@lack Write $handler:path) => { crate::operation::write_lack($handler) };
}
pub(crate) use operations;

/// Services and their operations, sorted by name.
pub(crate) const SERVICES: [(&str, &[Operation]); 9] = [
    ("athena", athena::OPERATIONS),
    ("cloudtrail", cloudtrail::OPERATIONS),
    ("ec2", ec2::OPERATIONS),
    ("iam", iam::OPERATIONS),
    ("logs", logs::OPERATIONS),
    ("monitoring", cloudwatch::OPERATIONS),
    ("route53", route53::OPERATIONS),
    ("servicequotas", service_quotas::OPERATIONS),
    ("ssm", ssm::OPERATIONS),
];

/// EC2's operations, sorted by name.
pub(crate) fn all() -> &'static [Operation] {
    ec2::OPERATIONS
}

/// The operation `name` of `service`.
///
/// # Errors
/// `InvalidAction` with the nearest name.
pub(crate) fn find(service: &str, name: &str) -> Result<&'static Operation, ApiError> {
    let found = SERVICES.iter().find(|(known, _)| *known == service);
    let (_, operations) = found.ok_or_else(|| error::unknown_service(service))?;
    operations
        .binary_search_by(|operation| operation.name.cmp(name))
        .map(|index| &operations[index])
        .map_err(|_| {
            let names = operations.iter().map(|it| it.name);
            error::invalid_action(name, error::nearest(name, names))
        })
}
