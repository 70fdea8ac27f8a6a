//! Where the rows of each table stand in a layer.

use std::ops::Range;

use crate::row::{Made, Table};

/// The rows of one table: up to the next section, or to the end. 16 bytes, since a layer may hold many small collections.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Section {
    generation: u64,
    ordinal: u32,
    start: u32,
}

impl Section {
    fn id(&self) -> Made {
        Made { generation: self.generation, ordinal: self.ordinal }
    }
}

/// The sections of a layer, in the order of their tables. None is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Sections {
    list: Vec<Section>,
    /// How many belong to databases. They come first.
    keys: usize,
}

impl Sections {
    /// Begins a section behind all others. Its table is greater than theirs.
    pub(super) fn push(&mut self, table: Table, start: u32) {
        let Made { generation, ordinal } = table.id();
        self.list.push(Section { generation, ordinal, start });
        self.keys += usize::from(matches!(table, Table::Keys(_)));
    }

    /// The table of a section.
    pub(super) fn table(&self, section: usize) -> Option<Table> {
        let id = self.list.get(section)?.id();
        Some(if section < self.keys { Table::Keys(id) } else { Table::Elements(id) })
    }

    /// The tables in ascending order.
    pub(super) fn tables(&self) -> impl Iterator<Item = Table> {
        (0..self.list.len()).map_while(|section| self.table(section))
    }

    /// The table of the last section.
    pub(super) fn last(&self) -> Option<Table> {
        self.table(self.list.len().checked_sub(1)?)
    }

    /// The section of a table.
    pub(super) fn find(&self, table: Table) -> Option<usize> {
        let (keys, elements) = self.list.split_at(self.keys);
        match table {
            Table::Keys(id) => keys.binary_search_by_key(&id, Section::id).ok(),
            Table::Elements(id) => Some(self.keys + elements.binary_search_by_key(&id, Section::id).ok()?),
        }
    }

    /// The places of a section's rows. The last section has no end of its own.
    pub(super) fn range(&self, section: usize) -> Option<Range<u32>> {
        let start = self.list.get(section)?.start;
        Some(start..self.list.get(section + 1).map_or(u32::MAX, |next| next.start))
    }

    /// The section that a place lies in.
    pub(super) fn holding(&self, place: u32) -> usize {
        self.list.partition_point(|section| section.start <= place).saturating_sub(1)
    }

    /// Whether the row at a place belongs to a table.
    pub(super) fn holds(&self, table: Table, place: u32) -> bool {
        let range = self.find(table).and_then(|section| self.range(section));
        range.is_some_and(|range| range.contains(&place))
    }

    /// What they take, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.list.capacity() * size_of::<Section>()
    }

    /// Gives back the memory that they do not need.
    pub(super) fn shrink(&mut self) {
        self.list.shrink_to_fit();
    }
}
