use wirelab_query::{Column, ColumnKind, QueryResult, Statistics};

use super::{Canvas, draw, is_drawable, scale};

const PLAIN: Canvas = Canvas {
    width: 60,
    color: false,
    ascii: true,
};

fn result(columns: &[(&str, ColumnKind)], rows: &[&[&str]]) -> QueryResult {
    let columns = columns.iter().map(|(name, kind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
    });
    let cell = |value: &&str| (!value.is_empty()).then(|| (*value).to_owned());
    QueryResult {
        columns: columns.collect(),
        rows: rows
            .iter()
            .map(|row| row.iter().map(cell).collect())
            .collect(),
        events: None,
        statistics: Statistics::default(),
        warnings: Vec::new(),
    }
}

fn drawn(result: &QueryResult, canvas: Canvas) -> String {
    draw(result, canvas).unwrap_or_else(|failure| panic!("{failure:?}"))
}

#[test]
fn by_a_field_is_bars() {
    let columns = [
        ("srcAddr", ColumnKind::Text),
        ("sum(bytes)", ColumnKind::Number),
    ];
    let rows: &[&[&str]] = &[
        &["10.0.1.5", "1234567"],
        &["10.0.2.9", "617000"],
        &["10.0.3.1", "1"],
        &["", "0"],
    ];
    insta::assert_snapshot!(drawn(&result(&columns, rows), PLAIN));
    let unicode = Canvas {
        ascii: false,
        width: 40,
        ..PLAIN
    };
    insta::assert_snapshot!(drawn(&result(&columns, rows), unicode));
}

#[test]
fn a_name_that_leaves_bars_no_room_stands_above_its_bar_and_so_does_that_of_several_values() {
    let columns = [
        ("srcAddr", ColumnKind::Text),
        ("dstAddr", ColumnKind::Text),
        ("bytes", ColumnKind::Number),
    ];
    let rows: &[&[&str]] = &[
        &["2001:db8::1:2:3", "2001:db8::4:5:6", "400"],
        &["2001:db8::1:2:3", "2001:db8::4:5:7", "200"],
    ];
    let narrow = Canvas { width: 50, ..PLAIN };
    let text = drawn(&result(&columns, rows), narrow);
    let bar = "#".repeat(46);
    let wanted = format!("2001:db8::1:2:3 2001:db8::4:5:6\n400 {bar}\n");
    assert!(text.starts_with(&format!("bytes\n{wanted}")), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 50),
        "{text}"
    );

    let columns = [
        columns[0],
        ("total_bytes", ColumnKind::Number),
        ("n", ColumnKind::Number),
    ];
    let rows: &[&[&str]] = &[&["10.0.0.1", "90", "9"]];
    let text = drawn(&result(&columns, rows), Canvas { width: 40, ..PLAIN });
    assert!(text.contains("10.0.0.1\n  total_bytes  90 ##"), "{text}");
    assert!(text.contains("\n  n             9 #"), "{text}");
}

#[test]
fn times_that_would_run_into_one_another_are_left_out() {
    let columns = [("bin(1d)", ColumnKind::Time), ("n", ColumnKind::Number)];
    let rows: &[&[&str]] = &[
        &["2024-03-05 00:00:00.000 UTC", "3"],
        &["2024-03-09 00:00:00.000 UTC", "4"],
    ];
    let axis = |width| {
        let text = drawn(&result(&columns, rows), Canvas { width, ..PLAIN });
        let is_axis = |line: &&str| line.contains("03-05 00:00") && line.contains("03-09 00:00");
        text.lines()
            .find(is_axis)
            .map(str::to_owned)
            .unwrap_or_else(|| panic!("{text}"))
    };
    assert!(axis(60).contains("03-07 00:00"), "{}", axis(60));
    assert!(!axis(38).contains("03-07"), "{}", axis(38));
}

#[test]
fn over_time_is_lines_and_marks_tell_groups_apart() {
    let columns = [
        ("bin(5m)", ColumnKind::Time),
        ("action", ColumnKind::Text),
        ("n", ColumnKind::Number),
    ];
    let times = ["09:00", "09:05", "09:10", "09:15", "09:20"];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (at, time) in times.iter().enumerate() {
        let time = format!("2024-03-05 {time}:00.000");
        rows.push(vec![
            time.clone(),
            "ACCEPT".to_owned(),
            (at * 400).to_string(),
        ]);
        rows.push(vec![
            time,
            "REJECT".to_owned(),
            (900 - at * 200).to_string(),
        ]);
    }
    let rows: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(drawn(&result(&columns, &rows), PLAIN));
    let colored = Canvas {
        color: true,
        ascii: false,
        ..PLAIN
    };
    let text = drawn(&result(&columns, &rows), colored);
    assert!(text.contains("\u{1b}[36m──\u{1b}[0m ACCEPT"), "{text}");
    assert!(text.contains("\u{1b}[33m──\u{1b}[0m REJECT"), "{text}");
}

#[test]
fn what_has_no_number_or_no_group_is_refused_with_what_would_do() {
    let only_text = result(&[("srcAddr", ColumnKind::Text)], &[&["10.0.0.1"]]);
    let only_number = result(&[("n", ColumnKind::Number)], &[&["3"]]);
    for result in [only_text, only_number] {
        assert!(!is_drawable(&result));
        assert!(draw(&result, PLAIN).is_err());
    }
}

#[test]
fn one_moment_is_a_bar() {
    let one_moment = result(
        &[("bin(5m)", ColumnKind::Time), ("n", ColumnKind::Number)],
        &[&["2024-03-05 00:05:00.000", "3"]],
    );
    let text = drawn(&one_moment, PLAIN);
    assert!(text.contains("2024-03-05 00:05:00.000  3 ####"), "{text}");
}

#[test]
fn numbers_are_written_for_people() {
    for (number, plain, short) in [
        (0.0, "0", "0"),
        (999.0, "999", "999"),
        (1234.5, "1,234.5", "1.23k"),
        (-1_234_567.0, "-1,234,567", "-1.23M"),
        (2.5e9, "2,500,000,000", "2.5G"),
    ] {
        assert_eq!(scale::plain(number), plain);
        assert_eq!(scale::short(number), short);
    }
    for (number, up) in [
        (0.3, 0.5),
        (1.0, 1.0),
        (21.0, 25.0),
        (26.0, 50.0),
        (501.0, 1000.0),
    ] {
        assert!((scale::round_up(number) - up).abs() < 1e-9, "{number}");
    }
}

#[test]
fn no_line_is_drawn_over_bins_without_a_row_and_numbers_may_be_groups() {
    let columns = [
        ("bin(5m)", ColumnKind::Time),
        ("count(*)", ColumnKind::Number),
    ];
    let rows: &[&[&str]] = &[
        &["2024-03-05 12:30:00.000", "10"],
        &["2024-03-05 12:35:00.000", "20"],
        &["2024-03-05 14:30:00.000", "90"],
        &["2024-03-05 14:35:00.000", "100"],
        &["2024-03-05 15:30:00.000", "50"],
    ];
    insta::assert_snapshot!(drawn(&result(&columns, rows), PLAIN));
    let columns = [("dstport", ColumnKind::Number), ("n", ColumnKind::Number)];
    let rows: &[&[&str]] = &[&["443", "10"], &["22", "5"]];
    insta::assert_snapshot!(drawn(&result(&columns, rows), PLAIN));
}
