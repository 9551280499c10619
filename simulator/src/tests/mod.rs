//! The fabric's behaviour, packet by packet, against `facts.md`.

mod nat;
mod security;
