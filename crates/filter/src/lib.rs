//! tcpdump filters: libpcap compile and run, lints, savefile reading.
