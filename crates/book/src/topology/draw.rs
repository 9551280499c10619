//! Placing a map: areas under each other, links as lanes to the left of them.

use std::collections::BTreeMap;

use super::map::{Area, Group, Map, Member};
use crate::svg::{About, LEAD, NOTE, Svg, TEXT, measure, wrap};

/// How much room there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Width of the picture in units.
    pub(super) width: i32,
    /// Groups beside each other.
    pub(super) columns: i32,
    /// The class by which the page shows it or not.
    pub(super) class: &'static str,
}

/// Between boxes, and between a box and what is in it.
const GAP: i32 = 10;
/// From one lane to the next.
const LANE: i32 = 12;

pub(super) fn picture(map: &Map, frame: &Frame, id: &str) -> String {
    let mut svg = Svg::new(frame.width);
    let lanes = i32::try_from(map.links.len()).unwrap_or(i32::MAX / LANE);
    let left = if lanes == 0 { 1 } else { GAP + LANE * lanes };
    let mut place = Placing {
        svg: &mut svg,
        frame,
        left,
        taps: BTreeMap::new(),
    };
    let mut y = 1;
    for area in &map.areas {
        y = place.area(area, y) + GAP + 4;
    }
    let taps = place.taps;
    for (link, number) in map.links.iter().zip(0..) {
        let x = left - GAP + 2 - LANE * number;
        lane(
            &mut svg,
            x,
            left,
            link.ends.iter().filter_map(|end| taps.get(end)),
        );
    }
    let words = map.words();
    let about = About {
        id,
        class: frame.class,
        title: &format!("Network: {}", map.title),
        description: &words,
    };
    svg.finish(y, about)
}

/// A vertical line, with a tap to every end.
fn lane<'t>(svg: &mut Svg, x: i32, left: i32, ends: impl Iterator<Item = &'t i32>) {
    let mut ends: Vec<i32> = ends.copied().collect();
    ends.sort_unstable();
    if let ([first, .., last], true) = (ends.as_slice(), ends.len() > 1) {
        svg.path(&format!("M{x} {first}V{last}"), "wl-wire");
    }
    for y in ends {
        svg.path(&format!("M{x} {y}H{left}"), "wl-wire");
        svg.circle(left, y, 3, "wl-dot");
    }
}

struct Placing<'p> {
    svg: &'p mut Svg,
    frame: &'p Frame,
    /// Where areas begin.
    left: i32,
    /// Heights at which links end, by key.
    taps: BTreeMap<String, i32>,
}

impl Placing<'_> {
    /// Draws an area whose top is at `y`; gives its bottom.
    fn area(&mut self, area: &Area, y: i32) -> i32 {
        let (left, width) = (self.left, self.frame.width - self.left - 1);
        let inner = width - 2 * GAP;
        let mut at = y + 6;
        self.taps.insert(area.key.clone(), at + 9);
        let mut texts = Vec::new();
        for line in wrap(&area.title, TEXT, inner) {
            texts.push((at + 14, "wl-name", line));
            at += LEAD;
        }
        for line in wrap(&area.note, NOTE, inner) {
            texts.push((at + 14, "wl-note", line));
            at += LEAD;
        }
        let mut pills = Vec::new();
        for (key, name) in &area.gates {
            let top = at + 4;
            self.taps.insert(key.clone(), top + 10);
            let lines = wrap(name, NOTE, inner - GAP);
            let longest = lines
                .iter()
                .map(|line| measure(line, NOTE))
                .max()
                .unwrap_or(0);
            for line in lines {
                texts.push((at + 18, "wl-note", line));
                at += LEAD;
            }
            at += 6;
            pills.push([left, top, longest + 2 * GAP, at - top - 2]);
        }
        let plan = self.grid(&area.groups, at + 6, inner);
        let bottom = plan.iter().map(|it| it.1[1] + it.1[3]).max().unwrap_or(at) + GAP;
        self.svg.rect([left, y, width, bottom - y], 6, "wl-area");
        for pill in pills {
            self.svg.rect(pill, 9, "wl-gate");
        }
        for (base, class, line) in texts {
            self.svg.text(left + GAP, base, class, &line);
        }
        for (group, rect) in plan {
            self.group(group, rect);
        }
        bottom
    }

    /// Rectangles for the groups, row by row; a row is as high as its highest group.
    fn grid<'g>(&self, groups: &'g [Group], y: i32, inner: i32) -> Vec<(&'g Group, [i32; 4])> {
        let columns = self.frame.columns;
        let wide = (inner - GAP * (columns - 1)) / columns;
        let mut placed = Vec::new();
        let mut top = y;
        for row in groups.chunks(usize::try_from(columns).unwrap_or(1)) {
            let width = if groups.len() == 1 { inner } else { wide };
            let height = row
                .iter()
                .map(|it| group_height(it, width))
                .max()
                .unwrap_or(0);
            let mut x = self.left + GAP;
            for group in row {
                placed.push((group, [x, top, width, height]));
                x += wide + GAP;
            }
            top += height + GAP;
        }
        placed
    }

    fn group(&mut self, group: &Group, [x, y, width, height]: [i32; 4]) {
        if !group.title.is_empty() {
            self.svg.rect([x, y, width, height], 4, "wl-group");
        }
        let mut at = y;
        for (class, line) in group_lines(group, width) {
            self.svg.text(x + GAP, at + 17, class, &line);
            at += LEAD;
        }
        for member in &group.members {
            let lines = member_lines(member, width);
            let height = LEAD * i32::try_from(lines.len()).unwrap_or(0) + 8;
            self.svg
                .rect([x + GAP, at + 8, width - 2 * GAP, height], 4, "wl-member");
            for (line, number) in lines.into_iter().zip(0..) {
                let base = at + 25 + LEAD * number;
                self.svg.text(x + 2 * GAP, base, line.0, &line.1);
            }
            at += height + 6;
        }
    }
}

type Line = (&'static str, String);

fn group_lines(group: &Group, width: i32) -> Vec<Line> {
    let inner = width - 2 * GAP;
    let title = wrap(&group.title, TEXT, inner)
        .into_iter()
        .map(|it| ("wl-name", it));
    let notes = group.notes.iter().flat_map(|it| wrap(it, NOTE, inner));
    title.chain(notes.map(|it| ("wl-note", it))).collect()
}

fn member_lines(member: &Member, width: i32) -> Vec<Line> {
    let inner = width - 4 * GAP;
    let name = wrap(&member.name, TEXT, inner)
        .into_iter()
        .map(|it| ("wl-name", it));
    let notes = member.notes.iter().flat_map(|it| wrap(it, NOTE, inner));
    name.chain(notes.map(|it| ("wl-note", it))).collect()
}

fn group_height(group: &Group, width: i32) -> i32 {
    let count = |lines: Vec<Line>| i32::try_from(lines.len()).unwrap_or(0);
    let own = LEAD * count(group_lines(group, width));
    let members = group
        .members
        .iter()
        .map(|it| LEAD * count(member_lines(it, width)) + 14);
    own + members.sum::<i32>() + GAP
}
