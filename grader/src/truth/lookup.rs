//! Where a table of routes sends a packet: what a lab asks about a table that it prints, and that
//! belongs to no network of its scenario.

use std::net::IpAddr;

use wirelab_model::IpNet;

use super::Value;
use super::ask::{Answer, SHOWN};

/// Whether a table, `PREFIX TARGET, PREFIX TARGET`, sends a packet to a target: of the prefixes
/// that contain its address the longest decides (RFC 1812, section 5.2.4.3), wherever it stands.
pub(super) fn lookup(address: &str, table: &str, target: &str) -> Answer {
    let of = address.parse::<IpAddr>();
    let of = of.map_err(|_| format!("`{address}` is no address"))?;
    let lines = table.split(',').map(line).collect::<Result<Vec<_>, _>>()?;
    let contains = |(prefix, _): &&(IpNet, &str)| prefix.contains(&of);
    let length = |(prefix, _): &&(IpNet, &str)| prefix.prefix_len();
    let longest = lines.iter().filter(contains).max_by_key(length);
    let there = lines.iter().filter(|(_, to)| *to == target);
    let best = there.clone().filter(contains).max_by_key(length);
    // Targets are not named: what another question asks for may be among them.
    let shown = match (best, longest) {
        (Some((own, _)), Some((longest, _))) if own != longest => vec![format!(
            "{own} contains {address}, and so does a line with a prefix of {} bits: the longest \
             decides",
            longest.prefix_len()
        )],
        (Some((own, _)), _) => vec![format!(
            "{own} contains {address}, and no line with a longer prefix does"
        )],
        (None, _) => {
            let not = |(prefix, _): &(IpNet, &str)| format!("{prefix} does not contain {address}");
            there.take(SHOWN).map(not).collect()
        }
    };
    let takes = best.is_some() && best == longest;
    Ok((Value::Truth(takes), shown))
}

fn line(text: &str) -> Result<(IpNet, &str), String> {
    let wrong = || format!("`{}` is no `PREFIX TARGET`", text.trim());
    let (prefix, target) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let prefix = prefix.parse().map_err(|_| wrong())?;
    Ok((prefix, target.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "0.0.0.0/0 nat, 10.0.0.0/8 hub, 10.20.0.0/16 peer, 10.20.30.0/24 wall";

    #[test]
    fn the_longest_prefix_decides_and_is_what_speaks_against_the_others() {
        let asked = |address, target| {
            let (value, shown) = lookup(address, TABLE, target).expect("a table");
            (value == Value::Truth(true), shown.join("; "))
        };
        assert!(asked("10.20.30.40", "wall").0);
        assert!(asked("8.8.8.8", "nat").0);
        let (takes, shown) = asked("10.20.30.40", "hub");
        let wanted = "10.0.0.0/8 contains 10.20.30.40, and so does a line with a prefix of 24 \
                      bits: the longest decides";
        assert_eq!((takes, shown.as_str()), (false, wanted));
        let (takes, shown) = asked("10.20.31.40", "wall");
        let wanted = "10.20.30.0/24 does not contain 10.20.31.40";
        assert_eq!((takes, shown.as_str()), (false, wanted));
        assert!(lookup("10.20.30.40", "10.0.0.0/33 nat", "nat").is_err());
        assert!(lookup("nowhere", TABLE, "nat").is_err());
    }
}
