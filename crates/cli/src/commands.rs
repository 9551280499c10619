//! One file a sub-command: its arguments, and what it does with the parts below.

pub(crate) mod advance;
pub(crate) mod author;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod hint;
pub(crate) mod history;
pub(crate) mod home;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod metrics;
pub(crate) mod next;
pub(crate) mod path;
pub(crate) mod query;
pub(crate) mod reach;
pub(crate) mod replay;
pub(crate) mod reset;
pub(crate) mod sandbox;
pub(crate) mod shell;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod tcpdump;
pub(crate) mod undo;
