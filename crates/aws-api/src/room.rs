//! Room for the bodies of requests: how large one may be, and all that are large at once.

use http::Request;

use crate::signature::Signature;

/// Octets of a body: ten times what EC2's longest calls have.
pub(crate) const BODY_AT_MOST: usize = 1 << 20;
/// Of one in JSON or CBOR: what a megabyte of log events becomes when every letter of theirs must
/// be escaped, and ten thousand frames around them.
const DOCUMENT_AT_MOST: usize = 8 << 20;
/// Of an object, or of a part of one: clients send parts of 8 MiB.
const OBJECT_AT_MOST: usize = 64 << 20;
/// Of all bodies of more than [`BODY_AT_MOST`] that are there at once.
pub(crate) const LARGE_AT_MOST: usize = 256 << 20;

/// Why a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLarge {
    /// It has more octets than this.
    Body(usize),
    /// There is no room now.
    Now,
}

/// Octets that the body of such a request may have.
pub(crate) fn body_at_most(head: &Request<Vec<u8>>) -> usize {
    let signed = Signature::read(head);
    let is_cbor = head.headers().contains_key("smithy-protocol");
    match signed.is_ok_and(|it| it.service == "s3") {
        true => OBJECT_AT_MOST,
        false if is_cbor || head.headers().contains_key("x-amz-target") => DOCUMENT_AT_MOST,
        false => BODY_AT_MOST,
    }
}
