//! Pages of the services that name a page by its first item.

use smol_str::SmolStr;

/// One page of `items` in their order, which are given with their keys, and the token of the page
/// that follows: the key of its first item. `None` if no item has the key `token`.
pub(crate) fn page_from<T>(
    items: impl IntoIterator<Item = (SmolStr, T)>,
    token: Option<&SmolStr>,
    limit: usize,
) -> Option<(impl Iterator<Item = T>, Option<SmolStr>)> {
    let mut items: Vec<_> = items.into_iter().collect();
    if let Some(token) = token {
        let start = items.iter().position(|(key, _)| key == token)?;
        items.drain(..start);
    }
    let next = items.get(limit).map(|(key, _)| key.clone());
    Some((items.into_iter().take(limit).map(|(_, it)| it), next))
}
