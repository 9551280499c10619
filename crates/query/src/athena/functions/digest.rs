//! Digests and the encodings they are written in.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use base64::{Engine, alphabet};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{Function, functions};
use crate::athena::error::Fault;
use crate::athena::value::Value;
use crate::codec::decode_base64;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "md5(varbinary):varbinary" |_, v| Ok(bytes(Md5::digest(v[0].bytes()).to_vec()));
    "sha1(varbinary):varbinary" |_, v| Ok(bytes(Sha1::digest(v[0].bytes()).to_vec()));
    "sha256(varbinary):varbinary" |_, v| Ok(bytes(Sha256::digest(v[0].bytes()).to_vec()));
    "sha512(varbinary):varbinary" |_, v| Ok(bytes(Sha512::digest(v[0].bytes()).to_vec()));
    "crc32(varbinary):bigint" |_, v| Ok(Value::Int(crc32fast::hash(v[0].bytes()).into()));
    "to_base64(varbinary):varchar" |_, v| Ok(Value::str(STANDARD.encode(v[0].bytes())));
    "to_base64url(varbinary):varchar" |_, v| Ok(Value::str(URL_SAFE.encode(v[0].bytes())));
    "from_base64(varchar):varbinary" |_, v| decode_base64(v[0].text(), &alphabet::STANDARD).map(bytes)
        .ok_or_else(|| Fault::argument("Input is not valid base64"));
    "from_base64url(varchar):varbinary" |_, v| decode_base64(v[0].text(), &alphabet::URL_SAFE).map(bytes)
        .ok_or_else(|| Fault::argument("Input is not valid base64url"));
    "from_hex(varchar):varbinary" |_, v| from_hex(v[0].text()).map(bytes)
        .ok_or_else(|| Fault::argument("Input is not valid hex"));
    "length(varbinary):bigint" |_, v| Ok(Value::Int(v[0].bytes().len() as i64));
};

fn bytes<'a>(octets: Vec<u8>) -> Value<'a> {
    Value::Bytes(octets.into())
}

/// The octets of hexadecimal digits; `None` for anything else.
pub(in crate::athena) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let pairs = digits.chunks_exact(2);
    Some(pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
