//! Pages, and the tokens that say where the next one begins: at the key of its first item.
//!
//! A token is the key and a check value. Somebody may delete that item before the next page is
//! asked for; the page then begins where the item would stand, so that a client which pages beside
//! another that deletes sees what is there once and ends. What is no token of ours is refused.

use smol_str::{SmolStr, format_smolstr};

/// One page of `items` in their order, which are given with their keys, and the token of the page
/// that follows. `None` if `token` is none, or names an item that is gone from a list that has
/// another order than its keys.
pub fn page_from<T>(
    items: impl IntoIterator<Item = (SmolStr, T)>,
    token: Option<&SmolStr>,
    limit: usize,
) -> Option<(impl Iterator<Item = T>, Option<SmolStr>)> {
    let mut items: Vec<_> = items.into_iter().collect();
    if let Some(token) = token {
        let keys = items.iter().map(|(key, _)| key.as_str());
        let start = start_of(keys, token)?;
        items.drain(..start);
    }
    let next = items.get(limit).map(|(key, _)| token_of(key));
    Some((items.into_iter().take(limit).map(|(_, it)| it), next))
}

/// The token of a page whose first item has that key.
pub fn token_of(key: &str) -> SmolStr {
    format_smolstr!("{key}~{:08x}", check_value(key))
}

/// Where a page begins, as [`page_from`] has it.
pub fn start_of<K: AsRef<str>>(keys: impl IntoIterator<Item = K>, token: &str) -> Option<usize> {
    let (wanted, check) = token.rsplit_once('~')?;
    if check.len() != 8 || u32::from_str_radix(check, 16) != Ok(check_value(wanted)) {
        return None;
    }
    let keys: Vec<K> = keys.into_iter().collect();
    let exact = keys.iter().position(|it| it.as_ref() == wanted);
    let is_sorted = || keys.is_sorted_by(|a, b| a.as_ref() <= b.as_ref());
    exact.or_else(|| is_sorted().then(|| keys.partition_point(|it| it.as_ref() < wanted)))
}

/// FNV-1a of 32 bits: tokens are no secrets.
fn check_value(key: &str) -> u32 {
    let bytes = key.bytes();
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::{page_from, token_of};
    use smol_str::SmolStr;

    fn page(keys: &[&str], token: Option<&str>) -> Option<(Vec<SmolStr>, Option<SmolStr>)> {
        let items = keys
            .iter()
            .map(|key| (SmolStr::new(key), SmolStr::new(key)));
        let token = token.map(SmolStr::new);
        let page = page_from(items, token.as_ref(), 2);
        page.map(|(items, next)| (items.collect(), next))
    }

    #[test]
    fn the_next_page_begins_where_a_deleted_item_stood() {
        let (first, next) = page(&["a", "b", "c", "d"], None).expect("no token");
        assert_eq!(first, ["a", "b"]);
        let next = next.expect("there is more");
        assert_eq!(
            page(&["a", "b", "c", "d"], Some(&next)).unwrap().0,
            ["c", "d"]
        );
        assert_eq!(page(&["a", "b", "d"], Some(&next)).unwrap().0, ["d"]);
        assert_eq!(page(&["a", "b"], Some(&next)).unwrap(), (Vec::new(), None));
    }

    #[test]
    fn tokens_of_nobody_and_places_that_nobody_knows_are_refused() {
        assert!(page(&["a"], Some("a")).is_none());
        assert!(page(&["a"], Some("a~00000000")).is_none());
        assert!(page(&["z", "a"], Some(&token_of("m"))).is_none());
    }
}
