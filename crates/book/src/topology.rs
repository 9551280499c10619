//! `{{#topology LAB seed=7}}`: a lab's network as its scenario file declares it, drawn with `seed`.
//!
//! [`map`] collects what is there from the control plane that the scenario reader has filled, so a
//! picture shows what the file makes and nothing else; [`draw`] places it. The network is that of
//! the first moment: what goes wrong later is the lab's to find.

mod draw;
mod map;

use std::path::Path;

use crate::directive::Directive;
use crate::stage::Stage;
use crate::svg::escape;

pub use map::{Area, Group, Link, Map, Member};

/// The picture for a page, and for a phone.
const WIDE: draw::Frame = draw::Frame {
    width: 700,
    columns: 2,
    class: "wl-wide",
};
const NARROW: draw::Frame = draw::Frame {
    width: 340,
    columns: 1,
    class: "wl-narrow",
};

pub(crate) fn directive(
    it: &Directive<'_>,
    _page: &Path,
    stage: &mut Stage,
) -> Result<String, String> {
    it.only(&["seed"])?;
    let seed = it.seed()?;
    let plan = stage.plan(it.subject, seed)?;
    let map = Map::of(plan);
    let lab = escape(it.subject);
    let pictures = [WIDE, NARROW].map(|frame| {
        let id = format!("wl-{lab}-{seed}{}", &frame.class[2..]);
        draw::picture(&map, &frame, &id)
    });
    Ok(format!(
        "<figure class=\"wl-figure\">\n{}<figcaption>The network of the lab <code>{lab}</code>, \
         seed {seed}, as its scenario file makes it</figcaption>\n</figure>\n",
        pictures.concat()
    ))
}
