//! The fabric's behaviour, packet by packet, against `facts.md`.

mod agreement;
mod end_to_end;
mod nat;
mod security;
