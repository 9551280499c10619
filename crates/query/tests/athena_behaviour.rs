//! What cases in files cannot show: limits, cancelling, bytes, files of results, stored catalogs.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::athena_support::{World, options};
use wirelab_query::Work;
use wirelab_query::athena::{AthenaCatalog, AthenaError, AthenaOptions, Limits, athena};

/// What has not ended by then never will, on the busiest machine: a guard, not a measure.
const END: Duration = Duration::from_secs(600);

/// A cross join of a table with itself, so many times: far too many rows.
fn explosion(tables: usize) -> String {
    let tables: Vec<String> = (0..tables).map(|n| format!("flow t{n}")).collect();
    format!(
        "SELECT count(*), sum(t0.bytes * t1.bytes) FROM {}",
        tables.join(", ")
    )
}

fn with(limits: Limits) -> AthenaOptions {
    AthenaOptions {
        limits,
        ..options()
    }
}

#[test]
fn a_query_that_runs_too_long_ends_with_an_error() {
    let limits = Limits {
        time: Duration::from_millis(200),
        ..Limits::default()
    };
    let start = Instant::now();
    let error = World::new()
        .run(&explosion(12), &with(limits))
        .expect_err("it never ends");
    assert_eq!(
        error.to_string(),
        "Query timeout: it runs longer than 0.2 s"
    );
    assert!(start.elapsed() < END);
}

#[test]
fn a_query_that_gives_no_row_for_long_ends_too() {
    let limits = Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    };
    let numbers = "UNNEST(sequence(1, 9000)) AS t (n)";
    let lists = "sequence(1, 9000)";
    let slow = [
        format!("SELECT 1 FROM {numbers} JOIN (SELECT n AS m FROM {numbers}) ON n + m = -1"),
        format!(
            "SELECT 1 FROM (SELECT 1 AS a, n FROM {numbers}) x \
             JOIN (SELECT 1 AS b, n AS m FROM {numbers}) y ON a = b AND n + m < 0"
        ),
        format!(
            "SELECT transform({lists}, x -> transform({lists}, y -> reduce({lists}, 0, \
             (s, i) -> s + x * y, s -> s)))"
        ),
        format!(
            "SELECT try(reduce({lists}, 0, (s, i) -> reduce({lists}, s, (u, j) -> u + j % 2, u -> u), s -> s))"
        ),
    ];
    for sql in slow {
        let start = Instant::now();
        let error = World::new().run(&sql, &with(limits));
        let error = error.expect_err("it takes too long");
        assert_eq!(
            error.to_string(),
            "Query timeout: it runs longer than 0.3 s",
            "{sql}"
        );
        assert!(start.elapsed() < END, "{sql}");
    }
}

#[test]
fn a_query_that_works_on_too_many_rows_ends_with_the_same_error_everywhere() {
    let counted = || AthenaOptions {
        work: Work::of(100_000),
        ..options()
    };
    let numbers = "UNNEST(sequence(1, 9000)) AS t (n)";
    let endless = [
        explosion(12),
        explosion(60),
        format!("SELECT 1 FROM {numbers} JOIN (SELECT n AS m FROM {numbers}) ON n + m = -1"),
        "SELECT transform(sequence(1, 9000), x -> transform(sequence(1, 9000), y -> x + y))"
            .to_owned(),
        "SELECT try(reduce(sequence(1, 9000), 0, (s, i) -> reduce(sequence(1, 9000), s, \
         (u, j) -> u + j, u -> u), s -> s))"
            .to_owned(),
        // Values that are made and read again and again.
        format!(
            "SELECT max(length({}to_base(n, 10){})) FROM {numbers}",
            "reverse(".repeat(30),
            ")".repeat(30)
        ),
        format!("SELECT max(strpos(rpad('', 10000, 'a') || to_base(n, 10), 'ab')) FROM {numbers}"),
        format!(
            "SELECT max(levenshtein_distance(rpad('', 900, 'a'), to_base(n, 10))) FROM {numbers}"
        ),
        // As much for each row of a window as there are rows before it.
        format!(
            "SELECT max(m) FROM (SELECT approx_percentile(n, 0.5) OVER (ORDER BY n) AS m \
             FROM {numbers})"
        ),
        format!("SELECT count(*) FROM {numbers} GROUP BY CUBE (n, n % 2, n % 3, n % 4, n % 5)"),
    ];
    for sql in endless {
        let error = World::new().run(&sql, &counted());
        let error = error.expect_err("it works on millions");
        assert!(matches!(error, AthenaError::Limit(_)), "{sql}: {error}");
        assert!(error.to_string().contains("100000 rows"), "{sql}: {error}");
    }
    let few = "SELECT count(*) FROM flow a JOIN flow b ON a.srcaddr = b.dstaddr";
    World::new()
        .run(few, &counted())
        .expect("it has few rows to work on");
    // What statements share they use up together.
    let shared = counted();
    let numbers = format!("SELECT sum(n) FROM {numbers}");
    let world = World::new();
    let mut asked = (0..100).map(|_| world.run(&numbers, &shared));
    assert!(asked.any(|answer| matches!(answer, Err(AthenaError::Limit(_)))));
}

#[test]
fn a_query_that_needs_too_much_memory_ends_with_an_error() {
    let limits = Limits {
        memory_bytes: 200_000,
        ..Limits::default()
    };
    let sql = "SELECT a.start, b.start, c.start, d.start FROM flow a, flow b, flow c, flow d \
               ORDER BY 1, 2, 3, 4";
    let error = World::new()
        .run(sql, &with(limits))
        .expect_err("it is too much");
    assert!(matches!(error, AthenaError::Limit(_)), "{error}");
    let sql = "SELECT array_agg(a.srcaddr || b.srcaddr) FROM flow a, flow b, flow c, flow d";
    let error = World::new()
        .run(sql, &with(limits))
        .expect_err("it is too much");
    assert!(matches!(error, AthenaError::Limit(_)), "{error}");
}

#[test]
fn a_result_of_too_many_rows_is_an_error() {
    let limits = Limits {
        rows: 99,
        ..Limits::default()
    };
    let world = World::new();
    let error = world
        .run("SELECT 1 FROM flow a, flow b", &with(limits))
        .expect_err("100 rows");
    assert_eq!(
        error.to_string(),
        "Query exceeded the limit of 99 result rows; a LIMIT keeps fewer"
    );
    let some = world.run("SELECT 1 FROM flow a, flow b LIMIT 99", &with(limits));
    assert_eq!(some.expect("99 rows").rows.len(), 99);
}

#[test]
fn a_dropped_query_stops() {
    let world = World::new();
    let (mut catalog, buckets) = world.parts();
    let (sql, options) = (explosion(12), options());
    let start = Instant::now();
    tokio_block(async {
        let mut query = pin!(athena(&sql, &mut catalog, &buckets, &options));
        // A few turns of it, then it is dropped.
        for _ in 0..3 {
            let polled = query.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending));
        }
    });
    assert!(start.elapsed() < END);
}

fn tokio_block(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(work);
}

#[test]
fn what_nests_too_deep_is_refused_and_what_does_not_is_answered() {
    let world = World::new();
    let deep = |n: usize| {
        [
            format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)),
            format!("SELECT {}1", "- ".repeat(n)),
            format!("SELECT {}true", "NOT ".repeat(n)),
            format!("SELECT 1{}", " + 1".repeat(n)),
            format!("SELECT {}1{}", "abs(".repeat(n), ")".repeat(n)),
            format!(
                "SELECT {}1{}",
                "CASE WHEN true THEN ".repeat(n),
                " END".repeat(n)
            ),
            format!("{}SELECT 1{}", "SELECT * FROM (".repeat(n), ")".repeat(n)),
            format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(n)),
            format!("SELECT {}1{}", "(SELECT ".repeat(n), ")".repeat(n)),
            format!(
                "SELECT {}1{}",
                "transform(ARRAY[1], x -> ".repeat(n),
                ")".repeat(n)
            ),
            format!("SELECT 1 FROM {}flow{}", "(".repeat(n), ")".repeat(n)),
            format!("SELECT try({}1{})", "try(".repeat(n), ")".repeat(n)),
        ]
    };
    for sql in deep(8) {
        let answer = world.run(&sql, &options());
        assert!(
            answer.is_ok(),
            "{sql}: {}",
            answer.expect_err("checked").report()
        );
    }
    for sql in [13, 19, 39, 40, 1500].into_iter().flat_map(deep) {
        // Whatever it is, it is no crash.
        let _ = world.run(&sql, &options());
    }
    let text = "(".repeat(5000);
    let error = world
        .run(&format!("SELECT {text}"), &options())
        .expect_err("it has no end");
    assert!(error.to_string().contains("too large"), "{error}");
}

#[test]
fn long_lists_and_wide_conditions_are_answered() {
    let world = World::new();
    let ports: Vec<String> = (0..5000).map(|n| format!("dstport = {n}")).collect();
    let sql = format!("SELECT count(*) FROM flow WHERE {}", ports.join(" OR "));
    let answer = world.run(&sql, &options()).expect("a count");
    assert_eq!(answer.rows, [[Some("6".to_owned())]]);
    let list: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let sql = format!(
        "SELECT count(*) FROM flow WHERE dstport IN ({})",
        list.join(", ")
    );
    let answer = world.run(&sql, &options()).expect("a count");
    assert_eq!(answer.rows, [[Some("8".to_owned())]]);
}

#[test]
fn tables_of_with_that_double_each_other_are_refused() {
    let mut sql = String::from("WITH t0 AS (SELECT 1 AS a FROM flow)");
    for n in 1..30 {
        let before = n - 1;
        sql.push_str(&format!(
            ", t{n} AS (SELECT x.a FROM t{before} x JOIN t{before} y ON x.a = y.a)"
        ));
    }
    sql.push_str(" SELECT count(*) FROM t29");
    let error = World::new().run(&sql, &options()).expect_err("2^29 tables");
    assert!(
        error.to_string().starts_with("STATEMENT_TOO_LARGE"),
        "{error}"
    );
}

#[test]
fn patterns_that_explode_elsewhere_do_not() {
    let world = World::new();
    let long = "a".repeat(30_000);
    let sql = format!("SELECT regexp_like('{long}!', '(a+)+$')");
    assert_eq!(
        world.run(&sql, &options()).expect("a value").rows,
        [[Some("false".to_owned())]]
    );
    let error = world.run("SELECT regexp_like('a', 'a{500}{500}')", &options());
    let error = error.expect_err("too large a pattern");
    assert!(
        error.to_string().contains("Invalid regular expression"),
        "{error}"
    );
}

#[test]
fn only_the_files_of_wanted_partitions_are_read() {
    let world = World::new();
    let bytes = |sql: &str| world.run(sql, &options()).expect("an answer").bytes_scanned;
    let all = bytes("SELECT sum(bytes) FROM flow");
    let one = bytes("SELECT sum(bytes) FROM flow WHERE \"date\" = DATE '2024-03-06'");
    let other = bytes("SELECT sum(bytes) FROM flow WHERE \"date\" < DATE '2024-03-06'");
    let none = bytes("SELECT sum(bytes) FROM flow WHERE \"date\" > current_date");
    assert!(
        one > 0 && other > 0 && one + other == all,
        "{all} {one} {other}"
    );
    assert_eq!(none, 0);
}

#[test]
fn a_result_file_is_as_athena_writes_it() {
    let world = World::new();
    let sql = "SELECT 'a \"b\"' AS text, NULL AS nothing, 1.5 AS n";
    let answer = world.run(sql, &options()).expect("an answer");
    assert_eq!(
        answer.to_file(),
        "\"text\",\"nothing\",\"n\"\n\"a \"\"b\"\"\",,\"1.5\"\n"
    );
    let answer = world
        .run("SHOW PARTITIONS flow", &options())
        .expect("an answer");
    assert_eq!(answer.to_file(), "date=2024-03-05\ndate=2024-03-06\n");
    let described = world.run("DESCRIBE flow", &options()).expect("an answer");
    assert!(described.to_file().starts_with("version\tint\t\n"));
}

#[test]
fn a_stored_catalog_is_the_same_and_so_is_a_table_made_of_its_own_text() {
    let world = World::new();
    let (mut catalog, _) = world.parts();
    let tables = &mut catalog
        .databases
        .get_mut("default")
        .expect("it is there")
        .tables;
    let flow = tables.get_mut("flow").expect("it is there");
    let day = vec!["2024-03-05".to_owned()];
    flow.partitions
        .insert(day, "s3://logs/elsewhere/".to_owned());
    let stored = serde_json::to_string(&catalog).expect("JSON");
    assert_eq!(
        serde_json::from_str::<AthenaCatalog>(&stored).expect("a catalog"),
        catalog
    );
    let columns =
        |catalog: &AthenaCatalog, name: &str| catalog.databases["default"].tables[name].clone();
    let shown = world
        .run("SHOW CREATE TABLE flow", &options())
        .expect("an answer")
        .to_file();
    let again = world.show(&format!(
        "DROP TABLE flow\n;;\n{shown}\n;;\nSHOW CREATE TABLE flow"
    ));
    assert_eq!(
        again.trim_end(),
        shown
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert_eq!(columns(&catalog, "flow").partition_columns[0].name, "date");
}

/// `n` of a text with another between.
fn row(n: usize, one: impl Fn(usize) -> String, between: &str) -> String {
    (0..n).map(one).collect::<Vec<_>>().join(between)
}

#[test]
fn thousands_of_operators_in_a_row_are_answered() {
    let world = World::new();
    let n = 3000;
    let answered = [
        (format!("SELECT {}", row(n, |_| "1".into(), " + ")), "3000"),
        (
            format!(
                "SELECT {} FROM flow WHERE dstport = 53",
                row(n, |_| "dstport".into(), " + ")
            ),
            "159000",
        ),
        (
            format!(
                "SELECT {} FROM flow WHERE dstport = 53",
                row(n, |_| "protocol".into(), " - ")
            ),
            "-50966",
        ),
        (
            format!(
                "SELECT length({}) FROM flow LIMIT 1",
                row(n, |_| "interface_id".into(), " || ")
            ),
            "15000",
        ),
        (
            format!(
                "SELECT count(*) FROM flow WHERE {}",
                row(n, |i| format!("(dstport = {i} AND srcport > {i})"), " OR ")
            ),
            "4",
        ),
        (
            format!(
                "SELECT count(*) FROM flow WHERE {}",
                row(n, |i| format!("dstport + {i} <> 52"), " AND ")
            ),
            "6",
        ),
        (
            format!(
                "SELECT CASE {} END FROM flow WHERE dstport = 53",
                row(n, |i| format!("WHEN dstport = {i} THEN {i}"), " ")
            ),
            "53",
        ),
    ];
    for (sql, expected) in answered {
        let start = Instant::now();
        let answer = world.run(&sql, &options());
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", &sql[..60]));
        assert_eq!(answer.rows, [[Some(expected.to_owned())]], "{}", &sql[..60]);
        let took = start.elapsed();
        assert!(took < END, "{took:?}: {}", &sql[..60]);
    }
    let sql = format!("SELECT {}", row(5002, |_| "1".into(), " + "));
    let error = world.run(&sql, &options()).expect_err("too many");
    assert_eq!(error.hint(), None);
    assert!(
        error
            .to_string()
            .ends_with("more than 5000 operators in a row"),
        "{error}"
    );
}

#[test]
fn what_nests_five_thousand_deep_is_refused() {
    let world = World::new();
    let n = 5000;
    let around = |open: &str, inner: &str, close: &str| {
        format!("SELECT {}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let deep = [
        around("(", "1", ")"),
        around("NOT ", "true", ""),
        around("- ", "1", ""),
        around("CASE WHEN true THEN ", "1", " END"),
        around("CASE ", "1", " WHEN 1 THEN 1 END"),
        around("(SELECT ", "1", ")"),
        around("EXISTS (SELECT ", "1", ")"),
        around("if(true, ", "1", ", 2)"),
        around("ARRAY[", "1", "]"),
        around("try(", "1", ")"),
        around("CAST(", "1", " AS bigint)"),
        format!("SELECT now(){}", " AT TIME ZONE 'UTC'".repeat(n)),
        format!("SELECT a{}", "[1]".repeat(n)),
        format!("SELECT a{} FROM flow", ".a".repeat(n)),
        format!(
            "SELECT CAST(1 AS {}integer{})",
            "array(".repeat(n),
            ")".repeat(n)
        ),
        format!("SELECT * FROM {}flow{}", "(".repeat(n), ")".repeat(n)),
        format!("SELECT * FROM flow{}", " JOIN flow ON true".repeat(n)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(n)),
        format!("SELECT 1 IN ({}1{})", "1 IN (".repeat(n), ")".repeat(n)),
        format!(
            "SELECT regexp_like('a', '{}a{}')",
            "(".repeat(n),
            ")".repeat(n)
        ),
    ];
    for sql in deep {
        let error = world.run(&sql, &options()).expect_err(&sql[..40]);
        let internal = matches!(error, AthenaError::Internal(_));
        assert!(!internal, "{}: {error}", &sql[..40]);
    }
    let json = format!(
        "SELECT json_extract('{}{}', '$.a')",
        "[".repeat(n),
        "]".repeat(n)
    );
    let answer = world.run(&json, &options()).expect("no JSON is NULL");
    assert_eq!(answer.rows, [[None]]);
}

#[test]
fn queries_that_stand_on_each_other_in_a_long_row_are_refused_or_answered() {
    let world = World::new();
    let with = |n: usize| {
        let tables = row(
            n,
            |i| format!("t{} AS (SELECT a + 1 AS a FROM t{i})", i + 1),
            ", ",
        );
        format!("WITH t0 AS (SELECT 1 AS a), {tables} SELECT a FROM t{n}")
    };
    let answer = world.run(&with(30), &options()).expect("thirty tables");
    assert_eq!(answer.rows, [[Some("31".to_owned())]]);
    let error = world.run(&with(400), &options()).expect_err("too many");
    assert!(
        error.to_string().starts_with("STATEMENT_TOO_LARGE"),
        "{error}"
    );
    // Views that stand on views, each of them as deep as a statement may be.
    let nested = |inner: &str| {
        format!(
            "{}SELECT a FROM {inner}{}",
            "SELECT a FROM (".repeat(15),
            ")".repeat(15)
        )
    };
    let mut statements = vec!["CREATE VIEW v0 AS SELECT 1 AS a".to_owned()];
    for n in 1..19 {
        statements.push(format!(
            "CREATE VIEW v{n} AS {}",
            nested(&format!("v{}", n - 1))
        ));
    }
    let shown = world.show(&statements.join("\n;;\n"));
    assert!(shown.contains("STATEMENT_TOO_LARGE"), "{shown}");
}

#[test]
fn long_lists_are_looked_into_quickly() {
    let world = World::new();
    let start = Instant::now();
    let numbers = row(40_000, |i| i.to_string(), ",");
    let texts = row(12_000, |i| format!("'10.0.{}.{}'", i / 250, i % 250), ",");
    let equal = row(12_000, |i| format!("dstport={i}"), " OR ");
    let asked = [
        (format!("dstport IN ({numbers})"), "8"),
        (format!("dstport NOT IN ({numbers})"), "1"),
        (format!("dstport NOT IN (-1,NULL,{numbers})"), "0"),
        (format!("srcaddr IN ({texts})"), "5"),
        (format!("({equal})"), "8"),
        (format!("NOT ({equal}) IS NULL"), "9"),
    ];
    for (test, expected) in asked {
        let sql = format!("SELECT count(*) FROM flow WHERE {test}");
        let answer = world.run(&sql, &options()).expect("a count");
        assert_eq!(
            answer.rows,
            [[Some(expected.to_owned())]],
            "{}",
            &test[..40]
        );
    }
    let took = start.elapsed();
    assert!(took < END, "{took:?}");
}

#[test]
fn union_all_of_many_parts_is_one_step() {
    let world = World::new();
    let part =
        |n: usize| format!("SELECT {n} AS account, count(*) AS n FROM flow WHERE dstport = 22");
    let parts: Vec<String> = (0..120).map(part).collect();
    let sql = format!(
        "SELECT count(DISTINCT account), sum(n) FROM ({})",
        parts.join(" UNION ALL ")
    );
    assert_eq!(world.show(&sql).lines().nth(1), Some("120 | 240"));
}
