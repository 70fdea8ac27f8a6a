//! The table of the bugs that tests of the server catch, each by name.

/// A planted bug, and the test that has to fail for it.
#[derive(Clone, Copy)]
pub struct Caught {
    /// Its name in `VALTHREE_BUG`.
    pub name: &'static str,
    /// The server's mistake.
    pub what: &'static str,
    /// The test, with the modules that it is in.
    pub test: &'static str,
}

const fn caught(name: &'static str, what: &'static str, test: &'static str) -> Caught {
    Caught { name, what, test }
}

/// Plays random commits, folds, squashes, merges and late servers beside a plain map.
const LAYERS: &str = "layers::every_version_means_what_plain_maps_say";
/// Plays the commit loop with a store that loses, doubles and delays.
const SCHEDULES: &str = "commit::tests::random_schedules_lose_double_and_invent_nothing";

/// Merges any rows of any moments, with what may still be seen.
const MERGES: &str = "run_properties::a_merge_keeps_what_counts_and_can_still_be_seen";

/// The bugs that tests in `server/tests` catch. `server/tests/zoo.rs` runs each.
pub const IN_TESTS: &[Caught] = &[
    caught("id-comes-back", "a collection gets an id that another had before", LAYERS),
    caught("expired-collection-reused", "a key that has expired is made anew with its old elements", LAYERS),
    caught("dead-until-removed", "a key is alive until its row is removed", LAYERS),
    caught("key-counted-at-its-end", "DBSIZE counts a key at the very moment of its end", LAYERS),
    caught("expired-keys-counted", "DBSIZE counts keys that have ended", LAYERS),
    caught("hlen-counts-the-ended", "HLEN counts fields that have ended", LAYERS),
    caught("hlen-counts-a-field-twice", "HLEN counts a field twice if its expiry was changed", LAYERS),
    caught("time-goes-back", "the stored time goes back after another server's commit", LAYERS),
    caught("swapdb-torn", "SWAPDB changes one number only", LAYERS),
    caught("flushdb-empties-a-neighbor", "FLUSHDB empties another database as well", LAYERS),
    caught(
        "rename-forgets-owner",
        "RENAME leaves its collection without an owner, so a merge drops the elements",
        LAYERS,
    ),
    caught("merge-judges-by-its-rows", "a merge asks the rows that it merges which collections are alive", LAYERS),
    caught(
        "merge-drops-by-the-clock",
        "a merge drops keys that have ended by the clock of a server that is ahead",
        LAYERS,
    ),
    caught("merge-forgets-removed-elements", "a merge leaves out the removals of elements", LAYERS),
    caught("expired-row-leaves-no-tombstone", "a merge drops an ended row that hides an older one", MERGES),
    caught("fold-forgets-removed-elements", "a fold leaves out the removals of elements", LAYERS),
    caught("merge-drops-the-system", "a merge drops users and libraries", LAYERS),
    caught("fold-drops-the-system", "a fold drops users and libraries", LAYERS),
    caught("merge-ignores-bounds", "a merge is named although the runs that it replaces have grown", LAYERS),
    caught("run-dropped-by-its-database", "a flush drops runs whose elements MOVE took to another database", LAYERS),
    caught("runs-pruned-by-their-rows", "a server forgets collections that newer entries name", LAYERS),
    caught("fold-covers-too-much", "a fold hides entries that it does not cover", LAYERS),
    caught("fold-added-anywhere", "a fold is named although it does not follow the runs", LAYERS),
    caught(
        "fold-forgets-what-others-need",
        "a fold drops replies and messages that another server has written",
        LAYERS,
    ),
    caught("fold-undoes-newer", "a fold hides a newer row of the index", LAYERS),
    caught("fold-drops-uploads", "a fold leaves out the rows of an uploaded run", LAYERS),
    caught("squash-drops-removals", "a squash leaves out removals, so an older row in a run comes back", LAYERS),
    caught("squash-covers-newer", "a squash takes the place of entries that came after it was made", LAYERS),
    caught("squash-added-anywhere", "a squash is adopted although its oldest entries have been folded", LAYERS),
    caught("squash-cut-by-a-fold", "a fold is named that ends within the generations of a squash", LAYERS),
    caught(
        "squash-forgets-what-others-need",
        "a squash drops replies and messages that another server has written",
        LAYERS,
    ),
    caught("empty-fold-extends-nothing", "a fold without rows leaves a gap", LAYERS),
    caught(
        "lost-upload-used-again",
        "a batch that is executed again counts what was uploaded for the lost one",
        LAYERS,
    ),
    caught("overridden-upload-counts", "an uploaded row counts though the entry has another", LAYERS),
    caught("order-not-followed", "a derived order misses another server's commit", LAYERS),
    caught(
        "order-not-clipped",
        "the order of a list keeps items that were popped, and the list begins with them",
        LAYERS,
    ),
    caught("push-passes-the-grid", "a push leaves out a position of the grid, where a popped item may stand", LAYERS),
    caught("midpoint-leaves-no-tombstone", "a popped item between grid positions comes back", LAYERS),
    caught("empty-stream-loses-its-groups", "a stream without entries is deleted, with its groups", LAYERS),
    caught(
        "damaged-block-taken-for-empty",
        "a block whose checksum is wrong is read as one without rows",
        "run_properties::no_single_bit_of_a_run_can_change",
    ),
    caught(
        "filter-built-before-the-last-row",
        "the filter of a run does not know the last row",
        "run_properties::many_rows_fill_many_blocks_and_parts_of_the_filter",
    ),
    caught(
        "format-1-read-without-its-deletions",
        "a server forgets what the recent changes of format 1 delete from its runs",
        "root_formats::a_database_of_format_1_becomes_one_entry_that_stands_for_its_generations",
    ),
    caught(
        "upload-not-awaited",
        "a version is served before the run that its entry names was read",
        "effects::a_server_that_follows_reads_the_run_before_it_serves_the_version",
    ),
    caught(
        "time-moves-inside-multi",
        "it is later for each command of a transaction",
        "timing::a_transaction_sees_one_time",
    ),
    caught(
        "expiry-made-absolute-twice",
        "a unit that has lost a race takes the end that it has computed for a relative one",
        "timing::a_unit_that_is_executed_again_counts_its_expiry_from_then",
    ),
    caught(
        "read-ignores-the-present",
        "a read is answered by the stored time, though it is later by now",
        "timing::one_commit_moves_the_time_for_all_reads_that_wait",
    ),
];

/// Bugs that the workload catches, and a test in `server/tests` as well. `server/tests/zoo.rs` runs each.
pub const ALSO_IN_TESTS: &[Caught] = &[
    caught("merge-undoes-deletion", "a merge forgets deletions that hide older values", LAYERS),
    caught("merge-keeps-older", "of two values of a key a merge keeps the older one", LAYERS),
];

/// The bugs that unit tests of the server catch. `server/src/zoo/tests.rs` runs each.
pub const IN_UNITS: &[Caught] = &[
    caught(
        "lost-effects-used-again",
        "a unit that is executed again names the run that was uploaded for the lost outcome",
        SCHEDULES,
    ),
    caught(
        "time-stands-still",
        "no clock moves the stored time",
        "clock::tests::in_a_folder_the_machines_clock_counts_and_time_stands_still_while_it_is_behind",
    ),
    caught(
        "effect-of-a-unit-left-behind",
        "a change that has to wait for the next batch is stored with this one",
        "commit::tests::patience::a_change_behind_a_reply_without_memory_happens_once",
    ),
    caught(
        "unit-takes-the-savepoint-of-its-batch",
        "a change whose reply has no memory stays in the batch, and is executed again",
        "commit::tests::patience::a_change_whose_own_reply_has_no_memory_happens_once",
    ),
    caught(
        "batch-goes-on-after-a-cut",
        "a batch goes on with what a unit has left that was cut off",
        "commit::tests::aside::nothing_is_executed_on_what_a_unit_has_left_that_was_cut_off",
    ),
    caught(
        "checksum-missed-before-it-was-asked-for",
        "an answer counts as one of a store without checksums, though nobody has asked for one",
        "store::s3::seal::tests::an_answer_without_a_checksum_proves_nothing_if_nobody_has_asked_for_one",
    ),
    caught(
        "text-of-a-cut-off-script-stays",
        "EVAL_RO keeps its text though it waits for an order",
        "commit::tests::aside::a_script_that_stands_aside_keeps_no_text",
    ),
    caught(
        "text-seen-before-it-is-stored",
        "a read sees the text of an EVAL_RO that is not stored yet",
        "commit::tests::patience::nobody_sees_the_text_of_a_script_before_it_is_stored",
    ),
    caught(
        "tired-batch-goes-on",
        "scripts that have worked for long are executed again at once if another unit stands aside",
        "commit::tests::aside::a_batch_of_tired_scripts_rests_though_a_unit_was_set_aside",
    ),
    caught(
        "every-wait-counts",
        "a unit that needs many orders has the last ones built at once",
        "commit::tests::aside::a_unit_waits_for_many_orders_as_long_as_none_is_lost",
    ),
    caught(
        "work-in-vain-goes-on",
        "an order that nobody waits for any more is built to its end",
        "state::deriving::tests::work_that_nobody_waits_for_ends_with_the_next_slice",
    ),
    caught(
        "fold-counted-over-other-runs",
        "a fold counts by what the runs said before another server merged them",
        "state::runs::tests::a_fold_counts_by_the_runs_it_lies_over_and_not_by_those_that_somebody_has_looked_at",
    ),
    caught(
        "order-built-without-what-came-meanwhile",
        "an order that is built in slices misses what is committed between them",
        "state::deriving::tests::an_order_follows_what_changes_while_it_is_built",
    ),
    caught(
        "change-of-a-read-lost",
        "what EVAL_RO keeps is lost if a write follows it in the batch",
        "commit::tests::patience::a_script_that_may_not_write_is_kept_though_a_write_follows_it",
    ),
    caught(
        "no-time-counts-as-a-time",
        "a database without a time counts as one of 1970",
        "clock::estimate::tests::the_first_version_takes_the_time_of_the_store",
    ),
    caught(
        "wall-clock-trusted",
        "the machine's clock moves the stored time, however wrong it is",
        "clock::tests::a_clock_that_jumps_while_the_server_runs_stays_between_the_bounds_of_the_store",
    ),
];
