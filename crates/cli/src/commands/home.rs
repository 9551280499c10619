//! `wirelab` alone: where am I, what next; on a terminal in a lab folder, the watch.
