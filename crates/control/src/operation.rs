//! The table of operations: which there are, what they take, who handles them.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wirelab_model::{ApiError, Reply};

use crate::arguments::Common;
use crate::describe::Reader;
use crate::transaction::Transaction;
use crate::{ec2, error, request};

/// One API operation.
pub struct Operation {
    /// EC2's name: `CreateNetworkAclEntry`.
    pub name: &'static str,
    pub(crate) common: &'static [Common],
    pub(crate) fields: fn() -> &'static [&'static str],
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

/// All operations, sorted by name.
pub(crate) fn all() -> &'static [Operation] {
    ec2::OPERATIONS
}

/// The operation `name` of `service`.
///
/// # Errors
/// `InvalidAction` with the nearest name.
pub(crate) fn find(service: &str, name: &str) -> Result<&'static Operation, ApiError> {
    if service != "ec2" {
        return Err(error::unknown_service(service));
    }
    all()
        .binary_search_by(|operation| operation.name.cmp(name))
        .map(|index| &all()[index])
        .map_err(|_| {
            error::invalid_action(name, error::nearest(name, all().iter().map(|o| o.name)))
        })
}
