//! Whole-product tests: they drive the binary as people do, in a folder of their own, and look at
//! what it prints, writes and answers. A test target of `crates/cli`: only a package's own tests
//! are given its binary.

mod aws;
mod black_hole;
mod book;
mod console;
mod course;
mod evidence;
mod grade;
mod harness;
mod interrupt;
mod labs;
mod network;
mod replay;
mod sandbox;
mod screens;
mod steps;
mod terminal;
mod tools;
mod tour;
