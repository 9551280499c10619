//! How the lines of text files become rows: what the columns are, and where in a line they stand.

use std::sync::Arc;

use wirelab_flowlog::LogColumn;

use super::codes::Codes;
use super::columns::{Lines, Place, ReadNumber};
use super::headers::Joined;
use super::misfits::Misfits;
use super::moment::Moment;
use super::separators::Line;
use super::tally::Counted;

/// What a column of the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A value, by its number in the [`TextLayout`].
    Value(usize),
    /// The line itself.
    Line,
    /// The number of the line's first byte in the unpacked file.
    Offset,
    /// The second of the record.
    Moment,
    /// The number of the line's format.
    Format,
    /// The code of a value.
    Code(usize),
    /// A value as a number.
    Number(usize),
}

/// What differs between files of one table. A file carries its own as an extension; one without
/// has its values in the order of the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextLayout {
    /// For each of the table's values, where it is in a line.
    pub(crate) places: Vec<Place>,
    /// How many values a line has.
    pub(crate) values: usize,
    /// Lines at the start that are no rows.
    pub(crate) skip: usize,
    /// A line that is no row wherever it stands: files with header lines have been joined.
    pub(crate) header: Option<Arc<[u8]>>,
    /// Whether it is gzip; `None`: by its name.
    pub(crate) packed: Option<bool>,
    /// Where the times of the records are.
    pub(crate) moment: Moment,
    /// What stands between the values, if it is not the table's delimiter.
    pub(crate) delimiter: Option<u8>,
    /// The columns of a line, by which a header in the middle is told from one of another format.
    pub(crate) columns: Arc<[LogColumn]>,
    /// The number of the format, which a column may have.
    pub(crate) format: i64,
    /// Where in the unpacked file lines of other layouts begin, with a header line there.
    pub(crate) changes: Arc<[(u64, Self)]>,
}

impl TextLayout {
    /// What lines have that begin at a place in the file.
    pub(super) fn at(&self, place: u64) -> &Self {
        let before = self.changes.iter().take_while(|(at, _)| *at < place);
        before.last().map_or(self, |(_, layout)| layout)
    }
}

/// How lines become rows.
#[derive(Clone, Debug)]
pub(crate) struct TextOptions {
    pub(crate) delimiter: u8,
    /// The columns, in the order of the table's file schema.
    pub(crate) origins: Vec<Origin>,
    /// For files without a layout of their own.
    pub(crate) layout: TextLayout,
    /// Whether blank lines are no rows.
    pub(crate) skips_blank: bool,
    /// Whether a line with another number of values has none of the table's.
    pub(crate) exact: bool,
    /// Which lines are rows at all, whatever a query's filters say of them.
    pub(crate) window: Option<Window>,
    /// The codes of columns of codes.
    pub(crate) codes: Arc<Codes>,
    /// How values are read as numbers.
    pub(crate) read_number: ReadNumber,
    /// Counts lines with another number of values.
    pub(crate) misfits: Option<Misfits>,
    /// Notes header lines that no layout knows of; `None`: they are lines as others.
    pub(crate) joined: Option<Joined>,
}

/// Lines with a moment from `first` to `last`, which are counted as they pass.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) passed: Counted,
    /// Those among them that say no time themselves.
    pub(crate) untimed: Counted,
}

impl Window {
    /// Whether the line is in it, and whether it says no time itself.
    #[inline]
    pub(super) fn holds(&self, lines: &Lines<'_>, line: Line) -> (bool, bool) {
        let own = lines.own_second(line);
        let second = own.unwrap_or(lines.moment.otherwise);
        let holds = (self.first..=self.last).contains(&second);
        (holds, holds && own.is_none())
    }
}

impl TextOptions {
    /// Lines of `width` values, all of them columns.
    pub(crate) fn new(delimiter: u8, width: usize, skip: usize) -> Self {
        let places = (0..width as u32).map(Place::Value).collect();
        Self {
            delimiter,
            origins: (0..width).map(Origin::Value).collect(),
            layout: TextLayout {
                places,
                values: width,
                skip,
                header: None,
                packed: None,
                moment: Moment::default(),
                delimiter: None,
                columns: Arc::from([]),
                format: 0,
                changes: Arc::from([]),
            },
            skips_blank: false,
            exact: false,
            window: None,
            codes: Arc::default(),
            read_number: |text| text.parse().ok(),
            misfits: None,
            joined: None,
        }
    }

    pub(super) fn places(&self, layout: &TextLayout) -> Vec<Place> {
        let place = |origin: &Origin| match origin {
            Origin::Value(number) | Origin::Code(number) | Origin::Number(number) => {
                layout.places[*number]
            }
            Origin::Line => Place::Line,
            Origin::Offset => Place::Offset,
            Origin::Moment => Place::Moment,
            Origin::Format => Place::Format,
        };
        self.origins.iter().map(place).collect()
    }
}
