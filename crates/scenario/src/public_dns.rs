//! `public_dns`: names on the internet.

use std::net::IpAddr;

use smol_str::SmolStr;

use crate::fields::Fields;
use crate::resolve::Resolver;
use crate::traffic::resolved;

/// `public_dns = ["www.example.com 203.0.113.80", "api.partner.example host.partner"]`: a name and
/// its addresses, or what has them.
pub(crate) fn all(root: &Fields<'_>, resolver: Resolver<'_>) -> Vec<(SmolStr, Vec<IpAddr>)> {
    let lines = root.texts("public_dns");
    let names = lines.iter().filter_map(|text| {
        let mut words = text.text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let addresses: Option<Vec<_>> = words
            .map(|word| resolved(root, text, resolver.address(word)))
            .collect();
        let addresses = addresses?;
        if addresses.is_empty() {
            let message = format!("`{}` has no address", text.text);
            let hint = "write `www.example.com 203.0.113.80`".to_owned();
            root.sink().explain(&text.span, message, "", Some(hint));
            return None;
        }
        Some((name.into(), addresses))
    });
    names.collect()
}
