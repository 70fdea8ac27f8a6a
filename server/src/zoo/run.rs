//! Mistakes of `run`.

use std::collections::HashSet;
use std::sync::Arc;

use crate::row::{Made, Table};
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
