//! `lab.toml` as learners get it: without what only a lab's author needs.
//!
//! Comments go, and so do the keys that say how an answer is found: `proof` (the question whose
//! answer it is) and `[[task.equivalent]]` (mutants of the reference query). What grading needs
//! stays, `expected` among it.

use toml::{Table, Value};

/// The text without them, its keys in alphabetical order; the text itself if it is no TOML. What
/// has been through here comes out the same.
pub(super) fn handed_out(text: &str) -> String {
    let Ok(mut lab) = text.parse::<Table>() else {
        return text.to_owned();
    };
    for task in tables(&mut lab, "task") {
        task.remove("equivalent");
        task.remove("proof");
        for part in tables(task, "part") {
            part.remove("proof");
        }
    }
    toml::to_string(&lab).unwrap_or_else(|_| text.to_owned())
}

fn tables<'a>(table: &'a mut Table, key: &str) -> impl Iterator<Item = &'a mut Table> {
    let items = table.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_table_mut)
}

#[cfg(test)]
mod tests {
    use super::handed_out;

    const LAB: &str = r##"
        # the answer is 443
        name = "door"   # and this

        [[task]]
        name     = "port"
        expected = "variant.port"
        proof    = "packets(\"app\", \"port 443\")"
        hints    = ["# is no comment", { text = "look", price = 1 }]

        [[task]]
        name = "who"
        [[task.equivalent]]
        mutant  = "443 -> 444"
        because = "no"
        [[task.part]]
        name  = "host"
        proof = "1"
    "##;

    #[test]
    fn what_says_how_an_answer_is_found_is_not_handed_out_and_all_else_is() {
        let once = handed_out(LAB);
        for gone in ["443", "proof", "equivalent", "and this"] {
            assert!(!once.contains(gone), "{gone} in\n{once}");
        }
        for kept in ["variant.port", "# is no comment", "price = 1", "host"] {
            assert!(once.contains(kept), "{kept} not in\n{once}");
        }
        assert_eq!(handed_out(&once), once);
    }
}
