//! What several tests share.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod packets;
pub(crate) mod traces;
