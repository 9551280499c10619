//! The AWS endpoint: the real `aws` CLI, boto3 and the SDKs on the simulated network.
//!
//! One listener on loopback serves every service; what a service does is the session's business,
//! so that a call made here is in the journal, moves the packets of the next second, and is seen
//! by every other terminal of the session. Layers, outermost first, each in a module that knows
//! nothing of the one around it:
//!
//! 1. `listener` accepts connections on 127.0.0.1, a thread each; `http1` reads requests within
//!    limits of size (`room`) and time and writes responses. Both sides of it speak `http`'s types,
//!    so that another server can take its place.
//! 2. `signature` reads who calls, where and what: account from the access key, Region and service
//!    from the scope of the signature. `dialect` knows in which shape this client wants its errors.
//! 3. `protocol` turns a body into a value with the API's member names, and back. It is driven by
//!    the service's table of shapes (`shape`), so an operation needs no code here.
//! 4. `service` answers: one file a service, one call into the session or a few.
//!
//! # `aws ec2 describe-subnets --filters Name=vpc-id,Values=vpc-1`
//!
//! The CLI posts to `/`, signed for `us-east-1/ec2`, the body
//! `Action=DescribeSubnets&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1`. The
//! scope leads to [`service`]'s entry `ec2`, whose table says `ec2` protocol and that the input of
//! `DescribeSubnets` has `Filters`, on the wire `Filter`, a list of structures. `protocol::form`
//! reads `{"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}`: the parameters of a
//! [`Call`](wirelab_model::Call) as `wirelab call` and scenario files have them. The session takes
//! its lock, reads what others have done, and asks the control plane. `protocol::xml` writes the
//! reply by the output's shape: `Subnets` becomes `<subnetSet><item>...`.
//!
//! # `aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block ... --gateway-id igw-1`
//!
//! The same way in. The operation changes something, so the session journals it, with the hash of
//! its reply, before the reply is sent; then, unless the lab says otherwise, time runs on until
//! the change has settled. Had the route been there already, the control plane's
//! `RouteAlreadyExists` would be journalled too and become `<Response><Errors><Error>...` with
//! status 400. Whoever gets a 200 finds the call in the journal.
//!
//! # `aws logs filter-log-events --log-group-name flow --filter-pattern REJECT`
//!
//! A `POST` to the same `/`, with the action in `X-Amz-Target` and JSON as body, which
//! `protocol::json` holds against the model: what is missing or out of range is refused as the
//! service does. `service::logs` takes the group from the control plane and the events from the
//! session's evidence, those delivered by now. Queries, of Logs and of Athena, run on a thread of
//! their own, and their answers are kept by the endpoint while it runs, for whoever asks next.
//!
//! What has changed, CloudTrail tells: `service::cloudtrail` takes the session's API history, so
//! the route above is in `aws cloudtrail lookup-events` some minutes of the lab's time later.
//!
//! CloudWatch answers old and new clients: `service` chooses among its protocols by the request,
//! the query form, JSON or `protocol::cbor`, and all three lead to the same handler.
//!
//! # `aws route53 list-resource-record-sets --hosted-zone-id Z1`
//!
//! `GET /2013-04-01/hostedzone/Z1/rrset`, signed for `us-east-1/route53`: method and path fit the
//! template that the table has of the action, and `protocol::rest_xml` reads the parameters out of
//! path, query and, where there is one, a body of XML. From there it is a call as any other.
//!
//! S3 is the exception: an object is octets, not a structure, so `service::s3` answers requests
//! itself. It shows the buckets in `evidence/s3`, and puts there what clients put.
//!
//! # To add an action
//!
//! Behaviour in `crates/control`, then the table anew (`tests/shapes`): its wire names are not
//! written by hand. To add a service: its table, an entry in `service`, and, if no service speaks
//! it yet, its protocol beside those in `protocol`.
//!
//! Left to others: what calls do (`control`), sharing, journal and time (`session`), the shell that
//! points clients here (`cli`). Signatures are read, and verified in strict mode
//! alone.

mod access_key;
mod dialect;
mod endpoint;
mod error;
mod header_overrides;
mod http1;
mod identity;
mod listener;
mod own;
mod pace;
mod places;
mod protocol;
mod room;
mod service;
mod shape;
mod signature;

pub use access_key::AccessKey;
pub use endpoint::{About, Endpoint};
pub use listener::{Server, Stopper};
pub use own::{about, stop};
pub use service::actions;
pub use shape::misfits;

/// Forgets what clients have put into S3, what Athena defines and which events there were of it:
/// what is beside the journal, so that taking the journal back leaves it.
///
/// # Errors
/// Files that cannot be removed.
pub fn forget(session: &mut wirelab_session::Session) -> Result<(), wirelab_session::SessionError> {
    service::forget_tables(session)?;
    service::s3::forget(session)?;
    service::trail::forget(session)
}
