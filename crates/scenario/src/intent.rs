//! `[[intent]]`: flows that are meant to work.

use wirelab_model::IpProtocol;

use crate::fields::Fields;
use crate::plan::{FillError, Intent};
use crate::resolve::Resolver;
use crate::rule;
use crate::traffic::resolved;

/// `[[intent]] flow = "..."` or `flows = ["...", ...]`.
pub(crate) fn all(root: &Fields<'_>, resolver: Resolver<'_>) -> Vec<Intent> {
    let mut intents = Vec::new();
    for fields in root.tables("intent") {
        let texts = fields.text("flow").into_iter().chain(fields.texts("flows"));
        for text in texts {
            intents.extend(resolved(&fields, &text, flow(&text.text, resolver)));
        }
        fields.finish();
    }
    intents
}

/// Reads `FROM -> TO[:PORTS]/PROTOCOL [TYPE/CODE]`.
pub(crate) fn flow(text: &str, resolver: Resolver<'_>) -> Result<Intent, FillError> {
    let shape = || FillError {
        reference: text.to_owned(),
        hint: Some("write a flow as `host.client -> instance.app:8080/tcp`".to_owned()),
    };
    let (from, rest) = text.split_once("->").ok_or_else(shape)?;
    let mut words = rest.split_whitespace();
    let to = words.next().ok_or_else(shape)?;
    let detail = words.next();
    let (to, protocol) = to.rsplit_once('/').ok_or_else(shape)?;
    if words.next().is_some() || protocol.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(shape());
    }
    let with_ports = matches!(protocol, "tcp" | "udp");
    let (to, ports) = match to.rsplit_once(':') {
        Some((to, ports)) if with_ports => (to, ports),
        _ => (to, ""),
    };
    let matching = rule::matching(protocol, detail.unwrap_or(ports)).map_err(|why| FillError {
        reference: text.to_owned(),
        hint: Some(why),
    })?;
    let any = matching.icmp.icmp_type < 0 || matching.protocol != IpProtocol::ICMP;
    Ok(Intent {
        text: text.to_owned(),
        from: resolver.end(from.trim())?,
        to: resolver.end(to)?,
        protocol: matching.protocol,
        ports: matching.ports,
        icmp: (!any).then_some(matching.icmp),
    })
}
