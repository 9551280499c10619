//! The book's preprocessor: pictures and quizzes that cannot drift from what they are about.
//!
//! A chapter says in a line of its own what it wants to show, and mdBook hands every chapter to
//! [`preprocess`] before it makes pages:
//!
//! ```text
//! {{#topology nacl-ephemeral seed=7}}
//! {{#journey nacl-ephemeral seed=7 from=replica to=primary:5432/tcp}}
//! {{#quiz part-two}}
//! ```
//!
//! - **topology**: the network of a lab's scenario as the scenario reader makes it from the file
//!   ([`topology`]): VPCs, subnets with their routes, machines, gateways, what is outside;
//! - **journey**: the lab is run up to the moment at which the learner arrives, and the path engine
//!   is asked as `wirelab path` asks it ([`journey`]); the picture stops where the packet stops;
//! - **quiz**: questions with an explanation for every choice, from `quizzes/NAME.toml` beside the
//!   book's `src` ([`quiz`]).
//!
//! One case through the modules: mdBook's JSON is read by [`preprocess`], [`chapter`] finds the
//! line, [`directive`] takes it apart, [`stage`] runs the lab (once for all pictures of it),
//! [`way`] puts the answer into words, [`journey`] places them, [`svg`] writes the picture.
//! Pictures are inline SVG with a title and a description, take their colours from the page, and
//! come twice where width matters: for a page and for a phone. Same sources, same bytes.
//!
//! A directive that means nothing (no such lab, no such machine) is an error with its place, and
//! the book is not built.

mod chapter;
mod directive;
mod error;
pub mod journey;
mod mdbook;
pub mod quiz;
pub mod stage;
mod svg;
pub mod topology;
pub mod way;

pub use chapter::expand;
pub use error::BookError;
pub use mdbook::preprocess;
