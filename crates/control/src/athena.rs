//! Athena's operations (Amazon Athena API Reference), as far as they keep something: workgroups,
//! named queries and prepared statements. What queries do, and the catalog that DDL changes, is its
//! business who has the buckets.
//!
//! Every account has the workgroup `primary` in every Region; it can be changed and not deleted.

mod named_query;
mod prepared;
mod tag;
mod work_group;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply};

use crate::error;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::page::page_from;
use crate::realm::Realm;
use crate::request;
use crate::state::State;

use named_query::NamedQuery;
use prepared::PreparedStatement;
pub use work_group::WorkGroup;
pub(crate) use work_group::of_name as work_group;

use crate::arguments::Common::ClientRequestToken as Token;

operations! {
    BatchGetNamedQuery Read named_query::batch_get, [];
    BatchGetPreparedStatement Read prepared::batch_get, [];
    CreateNamedQuery Write named_query::create, [Token];
    CreatePreparedStatement Write prepared::create, [];
    CreateWorkGroup Write work_group::create, [];
    DeleteNamedQuery Write named_query::delete, [];
    DeletePreparedStatement Write prepared::delete, [];
    DeleteWorkGroup Write work_group::delete, [];
    GetNamedQuery Read named_query::get, [];
    GetPreparedStatement Read prepared::get, [];
    GetWorkGroup Read work_group::get, [];
    ListNamedQueries Read named_query::list, [];
    ListPreparedStatements Read prepared::list, [];
    ListTagsForResource Read tag::list_for_resource, [];
    ListWorkGroups Read work_group::list, [];
    TagResource Write tag::tag_resource, [];
    UntagResource Write tag::untag_resource, [];
    UpdateNamedQuery Write named_query::update, [];
    UpdatePreparedStatement Write prepared::update, [];
    UpdateWorkGroup Write work_group::update, [];
}

/// Everything, by account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Athena(BTreeMap<Realm, AthenaOfRealm>);

/// What an account has in a Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct AthenaOfRealm {
    /// By name; `primary` only once it was changed.
    work_groups: BTreeMap<SmolStr, WorkGroup>,
    /// By id.
    named_queries: BTreeMap<SmolStr, NamedQuery>,
    /// By workgroup and name.
    prepared: BTreeMap<prepared::Key, PreparedStatement>,
}

/// The text of a prepared statement.
///
/// # Errors
/// There is none of that name.
pub(crate) fn prepared(
    state: &State,
    realm: &Realm,
    work_group: &str,
    name: &str,
) -> Result<String, ApiError> {
    let key = (work_group.into(), name.into());
    Ok(prepared::find((state, realm), &key)?.query.clone())
}

/// One page of `items` in their order; the token of a page is the key of its first item.
fn page<T>(
    member: &str,
    items: impl IntoIterator<Item = (SmolStr, T)>,
    (token, limit): (Option<&SmolStr>, Option<usize>),
    show: impl Fn(T) -> Value,
) -> Reply {
    const MOST: usize = 50;
    let limit = limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(invalid(format!("MaxResults must be 1 to {MOST}")));
    }
    let page = page_from(items, token, limit);
    let (items, next) = page.ok_or_else(|| invalid("Invalid NextToken"))?;
    let shown: Vec<_> = items.map(show).collect();
    Ok(json!({ member: shown, "NextToken": next }))
}

fn invalid(message: impl Into<String>) -> ApiError {
    error::athena_request(message.into())
}
