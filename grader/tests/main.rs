//! The tests of the grader, as one program: each program of its own would hold all of DataFusion.

mod answers;
mod athena;
mod batch;
mod format;
mod formulations;
mod labs;
mod learner;
mod mutants;
mod red_team;
mod session;
