//! Flow-log files of any kind: text, gzip, Parquet. What is read has to be what is written again.

#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use wirelab_flowlog::read::LogText;
use wirelab_flowlog::s3::LogKey;
use wirelab_flowlog::{parquet, s3};

/// libFuzzer ends at the first panic, even at one that is caught; so it is told of none. One that
/// is not caught still ends it.
static QUIET: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| ())));
    if let Ok(key) = str::from_utf8(bytes)
        && let Ok(read) = LogKey::parse(key)
    {
        assert!(key.starts_with(&read.location.folder(read.slot)));
    }
    let Ok(file) = LogText::from_bytes(bytes, None) else {
        return;
    };
    let Ok(records) = file.to_flow_records() else {
        return;
    };
    let format = file.format();
    let mut text = format.header() + "\n";
    for record in &records {
        format.write_line(record, &mut text);
        text.push('\n');
    }
    let columns = parquet::write(format, &records);
    for again in [s3::gzip(text.as_bytes()), columns] {
        let again = LogText::from_bytes(&again, None).expect("our own file");
        let lines = again.lines().map(|(_, line)| line);
        assert!(lines.eq(text.lines().skip(1)), "{text}");
    }
});
