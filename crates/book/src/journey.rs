//! `{{#journey LAB from=HOST to=HOST:PORT/tcp}}`: a packet's way, there and back, hop by hop.
//!
//! The lab is run with `seed` up to `at` (the moment at which it opens by default), and the path
//! engine is asked; `size` and `source-port` are those of `wirelab path`. Each direction is
//! a picture of its own, one under the other on a phone, side by side on a page: a hop a mark, the
//! rule beside it, and behind the first refusal a broken line, for there no packet goes.

use std::path::Path;

use wirelab_model::{SimDuration, SimTime};
use wirelab_scenario::Names;
use wirelab_simulator::path::PathReport;

use crate::directive::Directive;
use crate::stage::{Question, Scene, Stage};
use crate::svg::{About, LEAD, NOTE, Svg, TEXT, escape, measure, wrap};
use crate::way::{Step, Way, way};

/// Width of one direction: fits a phone of 360 pixels with the page's margins.
const WIDTH: i32 = 320;
/// Where the marks are, and where text begins.
const LINE: i32 = 14;
const LEFT: i32 = 32;

pub(crate) fn directive(
    it: &Directive<'_>,
    _page: &Path,
    stage: &mut Stage,
) -> Result<String, String> {
    it.only(&["seed", "at", "from", "to", "size", "source-port"])?;
    let at = it
        .get("at")
        .map(|_| it.read("at", SimDuration::ZERO))
        .transpose()?;
    let scene = Scene {
        lab: it.subject,
        seed: it.seed()?,
        at: at.map(|after| SimTime::ZERO + after),
    };
    let question = Question {
        from: it.need("from")?,
        to: it.need("to")?,
        size: it.get("size").map(|_| it.read("size", 0)).transpose()?,
        source_port: it
            .get("source-port")
            .map(|_| it.read("source-port", 0))
            .transpose()?,
    };
    let report = stage.path(scene, question)?;
    let at = stage.moment(scene)?;
    let names = &stage.plan(scene.lab, scene.seed)?.names;
    Ok(figure(&report, names, scene, question, at))
}

/// All directions of a report as one HTML figure.
fn figure(
    report: &PathReport,
    names: &Names,
    scene: Scene<'_>,
    ask: Question<'_>,
    at: SimTime,
) -> String {
    let ways = [
        (Some(&report.forward), "→"),
        (report.told.as_ref(), "←"),
        (report.back.as_ref(), "←"),
    ];
    let base = id(scene, ask, at);
    let mut text = "<figure class=\"wl-figure\">\n<div class=\"wl-ways\">\n".to_owned();
    for (number, (journey, arrow)) in ways.into_iter().enumerate() {
        let Some(journey) = journey else { continue };
        let way = way(journey, names);
        let again = journey
            .circle
            .as_ref()
            .and_then(|it| journey.again(it.end - 1));
        let drawn = Direction {
            way: &way,
            arrow,
            again,
            names,
            ask,
        };
        text += &drawn.picture(&format!("{base}-{number}"));
    }
    text += "</div>\n<figcaption>";
    if let Some(said) = report.said() {
        text += &format!("At the end: {}. ", escape(said));
    }
    let options = [("size", ask.size), ("source-port", ask.source_port)];
    let options = options.map(|(name, value)| match value {
        Some(value) => format!(" --{name} {value}"),
        None => String::new(),
    });
    text += &format!(
        "<code>wirelab path {} {}{}</code> in the lab <code>{}</code>, seed {}, at {at}\
         </figcaption>\n</figure>\n",
        escape(ask.from),
        escape(ask.to),
        options.concat(),
        escape(scene.lab),
        scene.seed,
    );
    text
}

/// An id that no other picture of a page has, unless it asks the same.
fn id(scene: Scene<'_>, ask: Question<'_>, at: SimTime) -> String {
    let lab = format!("{}-{}-{at}", scene.lab, scene.seed);
    let [size, port] = [ask.size, ask.source_port].map(|it| it.unwrap_or(0));
    let text = format!("{lab}-{}-{}-{size}-{port}", ask.from, ask.to);
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("wl-{}", text.chars().map(word).collect::<String>())
}

/// One direction, to be drawn.
struct Direction<'d> {
    way: &'d Way,
    arrow: &'static str,
    /// What to say at the end of a circle.
    again: Option<String>,
    names: &'d Names,
    ask: Question<'d>,
}

impl Direction<'_> {
    fn picture(&self, id: &str) -> String {
        let mut svg = Svg::new(WIDTH);
        let mut y = self.head(&mut svg);
        let mut stopped = false;
        let mut line_from = y;
        let mut marks = Vec::new();
        for (at, step) in self.way.hops.iter().enumerate() {
            marks.push((y + 8, step.passes));
            if !step.passes && !stopped {
                wire(&mut svg, line_from, y + 8, false);
                (stopped, line_from) = (true, y + 8);
            }
            y = self.hop(&mut svg, step, y);
            if self.way.circle.is_some_and(|[_, last]| last == at)
                && let Some(again) = &self.again
            {
                y = lines(&mut svg, y - 8, "wl-note", again) + 8;
            }
        }
        marks.push((y + 8, self.way.delivered));
        wire(&mut svg, line_from, y + 8, stopped);
        for (at, passes) in &marks[..marks.len() - 1] {
            mark(&mut svg, *at, *passes);
        }
        y = self.end(&mut svg, y);
        let title = format!("{}: {}", self.title(), self.verdict());
        let about = About {
            id,
            class: "wl-way",
            title: &title,
            description: &self.description(),
        };
        svg.finish(y, about)
    }

    /// `→ SYN`, the verdict, and the addresses.
    fn head(&self, svg: &mut Svg) -> i32 {
        let class = if self.way.delivered {
            "wl-name wl-good"
        } else {
            "wl-name wl-bad"
        };
        svg.text(
            4,
            16,
            "wl-name",
            &format!("{} {}", self.arrow, self.way.packet),
        );
        svg.anchored(WIDTH - 4, 16, "end", class, self.verdict());
        match self.ends() {
            Some(ends) => lines_at(svg, 4, 34, "wl-note", &ends) + 4,
            None => 30,
        }
    }

    fn ends(&self) -> Option<String> {
        let first = self.way.hops.first()?;
        Some(format!("{} to {}", first.source, first.destination))
    }

    const fn verdict(&self) -> &'static str {
        if self.way.delivered {
            "DELIVERED"
        } else {
            "DROPPED"
        }
    }

    fn title(&self) -> String {
        let Question { from, to, .. } = self.ask;
        match self.arrow {
            "→" => format!("{} from {from} to {to}", self.way.packet),
            _ => format!("{} back to {from}", self.way.packet),
        }
    }

    /// One hop: its name, and what it says. Gives the place of the next.
    fn hop(&self, svg: &mut Svg, step: &Step, y: i32) -> i32 {
        let mut y = y;
        for line in wrap(&step.title(), TEXT, WIDTH - LEFT) {
            svg.text(LEFT, y + 13, "wl-name", &line);
            y += LEAD;
        }
        if let Some(why) = &step.why {
            y = lines(svg, y, "wl-note", &self.named(why));
        }
        if let Some(code) = step.code {
            y = lines(svg, y, "wl-note", code);
        }
        y + 10
    }

    /// The machine at the end, or that the packet never comes there.
    fn end(&self, svg: &mut Svg, y: i32) -> i32 {
        let reached = self.way.reaches.as_deref().unwrap_or("its destination");
        if self.way.delivered {
            svg.rect([LINE - 6, y + 2, 12, 12], 2, "wl-end");
            return lines(svg, y, "wl-name", &format!("arrives at {reached}")) + 6;
        }
        svg.rect([LINE - 6, y + 2, 12, 12], 2, "wl-end wl-never");
        lines(svg, y, "wl-note", &format!("never comes to {reached}")) + 6
    }

    /// Ids give way to names, where the scenario has any.
    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, id) in self.names.iter() {
            if text.contains(id.as_str()) {
                let short = name.split_once('.').map_or(name, |(_, short)| short);
                text = text.replace(id.as_str(), short);
            }
        }
        text
    }

    fn description(&self) -> String {
        let hops = self.way.hops.iter().map(|step| {
            let says = if step.passes { "passes" } else { "drops it" };
            let why = step
                .why
                .as_ref()
                .map(|why| format!(" ({})", self.named(why)));
            format!("{}: {says}{}", step.title(), why.unwrap_or_default())
        });
        let mut text = hops.collect::<Vec<_>>().join("; ");
        if let Some(ends) = self.ends() {
            text = format!("{ends}. {text}");
        }
        format!("{text}. {}.", self.verdict())
    }
}

fn lines(svg: &mut Svg, y: i32, class: &str, text: &str) -> i32 {
    lines_at(svg, LEFT, y + 13, class, text) - 13
}

fn lines_at(svg: &mut Svg, x: i32, base: i32, class: &str, text: &str) -> i32 {
    let mut base = base;
    let size = if class.contains("wl-note") {
        NOTE
    } else {
        TEXT
    };
    for line in wrap(text, size, WIDTH - x) {
        debug_assert!(measure(&line, size) <= WIDTH - x);
        svg.text(x, base, class, &line);
        base += LEAD;
    }
    base
}

/// The packet's line between two hops; broken where no packet goes.
fn wire(svg: &mut Svg, from: i32, to: i32, broken: bool) {
    let class = if broken {
        "wl-wire wl-broken"
    } else {
        "wl-wire"
    };
    svg.path(&format!("M{LINE} {from}V{to}"), class);
}

fn mark(svg: &mut Svg, y: i32, passes: bool) {
    let (mark, class) = if passes {
        ("✓", "wl-good")
    } else {
        ("✗", "wl-bad")
    };
    svg.circle(LINE, y, 9, &format!("wl-mark {class}"));
    svg.anchored(LINE, y + 5, "middle", &format!("wl-name {class}"), mark);
}
