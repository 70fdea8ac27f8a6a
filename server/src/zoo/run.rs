//! Mistakes of `run`.

use std::collections::HashSet;
use std::sync::Arc;

use crate::row::{Made, Row, Table};
use crate::run::{Layer, Reach};

/// `merge-judges-by-its-rows`: takes a collection for reachable only if one of the merged rows names it. Its head may stand
/// in another run.
pub(crate) fn reach_of(layers: &[Arc<Layer>], reach: Reach) -> Reach {
    let rows = layers.iter().flat_map(|layer| layer.iter());
    let shown = |table| matches!(table, Table::Elements(_)) || reach.shows(table);
    let rows = rows.filter(|(table, ..)| shown(*table)).filter_map(|(_, _, row)| row);
    let named: HashSet<Made> = rows.flat_map(|row| row.collections().collect::<Vec<_>>()).collect();
    Reach { collections: Arc::new(named), ..reach }
}

/// `merge-drops-by-the-clock`: asks a clock that is a day ahead of the version whether a key has ended.
pub(crate) fn is_past_ahead(reach: &Reach, table: Table, row: &Row) -> bool {
    matches!(table, Table::Keys(_)) && row.is_dead(reach.now + 86_400_000)
}
