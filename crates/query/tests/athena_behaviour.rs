//! What cases in files cannot show: limits, cancelling, bytes, files of results, stored catalogs.

#[path = "athena_support/mod.rs"]
mod support;

use support::{World, options};
use wirelab_query::athena::{AthenaCatalog, AthenaError, AthenaOptions, Limits};

fn with(limits: Limits) -> AthenaOptions {
    AthenaOptions {
        limits,
        ..options()
    }
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
    let (catalog, _) = world.parts();
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
