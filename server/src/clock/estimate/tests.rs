use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

const START: u64 = 1_764_380_000_000;
const HOUR: u64 = 3_600_000;
const YEAR: u64 = 365 * 24 * HOUR;

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// An answer that is given at `truth`, in the middle of a round trip that ends at `received`.
fn answer(truth: u64, received: u64, round_trip: u64) -> DatedAnswer {
    DatedAnswer { date: truth / 1_000, age: 0, sent: ms(received - round_trip), received: ms(received) }
}

/// An estimate that heard `count` right answers, the first at 10 seconds. The monotonic clock began at [`START`].
fn informed(count: u64) -> Estimate {
    let mut estimate = Estimate::new(Authority::Store);
    (0..count).for_each(|nth| hear(&mut estimate, 10_000 + nth * SPACING.unsigned_abs(), 0));
    estimate
}

/// An answer with a round trip of 20 ms, whose clock is `ahead` of the truth.
fn hear(estimate: &mut Estimate, at: u64, ahead: i64) {
    estimate.heard(answer((START + at - 10).saturating_add_signed(ahead), at, 20));
}

#[test]
fn the_clock_of_the_machine_counts_in_a_folder() {
    let mut estimate = Estimate::new(Authority::Machine);
    estimate.heard(answer(START + YEAR, 1_000, 20));
    estimate.known(START - YEAR, ms(1_000));
    assert_eq!(estimate.now(START, ms(2_000)), START);
    assert_eq!(estimate.now(START - HOUR, ms(3_000)), START, "it never goes back");
    assert_eq!(estimate.now(START + YEAR, ms(4_000)), START + YEAR);
    assert_eq!(estimate.take_warning(), None);
    assert!(estimate.answers.is_empty() && !estimate.wants_answer(ms(YEAR)));
}

#[test]
fn a_wall_clock_within_the_bounds_counts() {
    let mut estimate = informed(1);
    for at in [10_100, 20_000, 500_000] {
        assert_eq!(estimate.now(START + at, ms(at)), START + at);
    }
}

#[test]
fn a_wall_clock_out_of_bounds_is_clamped() {
    for (wall, sign) in [(0, -1), (START - HOUR, -1), (START + HOUR, 1), (START + 50 * YEAR, 1), (u64::MAX, 1)] {
        let mut estimate = informed(1);
        let error = estimate.now(wall, ms(10_500)).cast_signed() - (START + 10_500).cast_signed();
        assert!((0..=1_030).contains(&(error * sign)), "{error}");
    }
}

#[test]
fn many_answers_find_the_time_to_a_fraction_of_a_second() {
    let mut estimate = Estimate::new(Authority::Store);
    (0..ANSWERS as u64).for_each(|nth| hear(&mut estimate, 10_000 + nth * 277, 0));
    let at = 10_000 + 64 * 277;
    let (early, late) = (estimate.bounds_at(at).low, estimate.bounds_at(at).high);
    assert!(early <= START.cast_signed() && START.cast_signed() <= late && late - early < 100, "{early} {late}");
}

#[test]
fn no_answer_and_no_version_is_no_time() {
    assert_eq!(Estimate::new(Authority::Store).now(START + YEAR, ms(5)), 0);
}

#[test]
fn a_forged_wall_clock_does_not_count_before_the_first_answer() {
    let mut estimate = Estimate::new(Authority::Store);
    estimate.known(START, ms(5));
    assert_eq!(estimate.now(START + YEAR, ms(1_005)), START + 1_000);
}

#[test]
fn old_bounds_still_hold_a_forged_clock() {
    let mut estimate = informed(20);
    let day = 24 * HOUR;
    let now = estimate.now(START + YEAR, ms(day));
    assert!(now >= START + day && now < START + day + 90_000);
    assert!(estimate.wants_answer(ms(day)));
    assert!(!estimate.wants_answer(ms(20_000)));
}

#[test]
fn the_minority_is_left_out() {
    let mut estimate = informed(40);
    (0..24).for_each(|nth| {
        hear(&mut estimate, 30_000 + nth * 1_000, if nth % 7 == 6 { 0 } else { 5 * HOUR.cast_signed() })
    });
    assert!(estimate.now(START + 5 * HOUR, ms(60_000)) < START + 61_100);
    assert!(estimate.answers.len() == ANSWERS && estimate.answers.iter().any(|heard| heard.at > 50_000));
}

#[test]
fn a_burst_of_wrong_answers_is_one_answer() {
    let mut estimate = informed(9);
    (0..1_000).for_each(|nth| hear(&mut estimate, 20_000 + nth / 5, HOUR.cast_signed()));
    assert_eq!(estimate.answers.len(), 10);
    assert!(estimate.wants_answer(ms(20_200)));
    assert!(estimate.now(START + HOUR, ms(20_200)) < START + 21_300);
}

#[test]
fn a_chain_of_bounds_without_a_common_point_has_a_majority() {
    // The first meets the second and the third does, but not each other. The fourth stands with the third.
    let mut estimate = Estimate::new(Authority::Store);
    for (nth, ahead) in [(0, 0), (1, 900), (2, 1_800), (3, 1_800)] {
        estimate.heard(DatedAnswer { date: 0, age: 0, sent: ms(5_000 - ahead), received: ms(5_000 - ahead + nth) });
    }
    let Bounds { low, high } = estimate.bounds_at(5_003);
    assert_eq!((low, high), (-3_204, -3_100));
}

#[test]
fn bounds_that_touch_meet() {
    let mut estimate = Estimate::new(Authority::Store);
    hear(&mut estimate, 1_000, 0);
    let Bounds { low, high } = estimate.bounds_at(1_000);
    let answers = [Bounds { low: high, high: high + 900 }, Bounds { low: low - 900, high: low - 1 }];
    estimate.answers.extend(answers.map(|bounds| Measured { bounds, at: 1_000 }));
    let majority = estimate.majority(1_000);
    assert_eq!((majority.low, majority.high), (high, high));
}

#[test]
fn clocks_that_drift_apart_still_agree() {
    let day = 24 * HOUR;
    let mut estimate = informed(20);
    hear(&mut estimate, day, 8_600);
    assert!(!estimate.wants_answer(ms(day)), "a drift of 1 in 10,000 is no contradiction");
    assert!(estimate.now(START + day + 8_600, ms(day)).abs_diff(START + day + 8_600) < 1_100);
}

#[test]
fn a_run_that_meets_the_majority_does_not_overrule_it() {
    let mut estimate = informed(20);
    (0..7).for_each(|nth| hear(&mut estimate, 20_000 + nth * 250, HOUR.cast_signed()));
    hear(&mut estimate, 22_000, 0);
    (0..7).for_each(|nth| hear(&mut estimate, 23_000 + nth * 250, HOUR.cast_signed()));
    assert!(estimate.now(START + HOUR, ms(25_000)) < START + 26_100);
    // A vague answer meets both.
    let mut estimate = informed(20);
    (0..8).for_each(|nth| match nth {
        4 => estimate.heard(answer(START + 40_000, 61_000, 50_000)),
        _ => hear(&mut estimate, 60_000 + nth * 250, 30_000),
    });
    assert!(estimate.now(START + HOUR, ms(63_000)) < START + 64_100);
}

#[test]
fn an_older_version_that_is_seen_later_changes_nothing() {
    let mut estimate = Estimate::new(Authority::Store);
    estimate.known(START, ms(1_000));
    estimate.known(START - HOUR, ms(2_000));
    assert_eq!(estimate.now(0, ms(3_000)), START + 2_000);
}

#[test]
fn of_equal_regions_the_earliest_after_the_stored_now_counts() {
    let cases = [
        (None, 0),
        (Some(START - HOUR), START),
        (Some(START + HOUR), START + YEAR),
        (Some(START + 2 * YEAR), START + YEAR),
    ];
    for (stored, expected) in cases {
        let mut estimate = Estimate::new(Authority::Store);
        stored.into_iter().for_each(|stored| estimate.known(stored, ms(0)));
        hear(&mut estimate, 1_000, YEAR.cast_signed());
        hear(&mut estimate, 1_020, 0);
        estimate.heard(DatedAnswer { date: 0, age: 0, sent: ms(1_025), received: ms(1_026) });
        let low = estimate.bounds_at(1_030).low;
        assert!(low.abs_diff(expected.cast_signed()) < 2_100, "stored {stored:?}: {low}");
    }
}

#[test]
fn a_monotonic_clock_that_stood_still_is_found_out_by_eight_answers() {
    let mut estimate = informed(64);
    let slept = 8 * HOUR;
    for nth in 1..=8 {
        assert!(estimate.now(START, ms(30_000)) < START + 31_000);
        assert_eq!(estimate.wants_answer(ms(30_000)), nth > 1);
        hear(&mut estimate, 30_000 + nth * 250, slept.cast_signed());
    }
    let now = estimate.now(START, ms(32_010));
    assert!(now.abs_diff(START + slept + 32_010) < 1_100);
    assert_eq!(estimate.answers.len(), RUN);
    assert!(!estimate.wants_answer(ms(32_010)));
}

#[test]
fn a_stored_time_that_goes_back_makes_the_estimate_wait() {
    let mut estimate = informed(20);
    let before = estimate.now(START + 20_000, ms(20_000));
    (0..20).for_each(|nth| hear(&mut estimate, 21_000 + nth * 250, -30_000));
    assert_eq!(estimate.now(START + 26_000, ms(26_000)), before);
    assert!(estimate.now(START + 60_000, ms(60_000)) > before);
}

#[test]
fn vague_and_impossible_answers_are_ignored() {
    let mut estimate = Estimate::new(Authority::Store);
    let good = DatedAnswer { date: START / 1_000, age: 0, sent: ms(100_000), received: ms(100_020) };
    estimate.heard(DatedAnswer { sent: ms(100_021), ..good });
    estimate.heard(DatedAnswer { sent: ms(40_000), ..good });
    estimate.heard(DatedAnswer { age: 61, ..good });
    estimate.heard(DatedAnswer { age: u64::MAX, ..good });
    estimate.heard(DatedAnswer { date: u64::MAX, ..good });
    estimate.heard(DatedAnswer { date: LAST_MOMENT / 1_000, ..good });
    assert!(estimate.answers.is_empty());
    estimate.heard(good);
    assert_eq!(estimate.answers.len(), 1);
}

#[test]
fn an_age_raises_the_upper_bound_only() {
    let cached = DatedAnswer { date: 1_000, age: 30, sent: ms(5_000), received: ms(5_020) };
    let Bounds { low, high } = measure(cached).unwrap().bounds;
    assert_eq!((low, high), (1_000_000 - 5_021, 1_032_000 - 5_000));
}

/// The estimate after 20 seconds on a database that was idle for nine days, beside a store that is `ahead`.
fn after_nine_idle_days(ahead: u64, wall: u64) -> (u64, Option<ClockWarning>) {
    let mut estimate = Estimate::new(Authority::Store);
    (0..20).for_each(|nth| hear(&mut estimate, 10_000 + nth * 250, ahead.cast_signed()));
    estimate.known(START + 10_000 - 9 * DAY.unsigned_abs(), ms(10_000));
    (estimate.now(wall, ms(20_000)), estimate.take_warning())
}

#[test]
fn more_than_a_day_beyond_the_stored_now_needs_the_wall_clock_too() {
    let day = DAY.unsigned_abs();
    for wall in [START + 20_000, START + YEAR, START + HOUR, START - 3 * HOUR, START - day + 30_000] {
        let (now, warning) = after_nine_idle_days(0, wall);
        assert!(now.abs_diff(START + 20_000) < 1_100 && warning.is_none(), "wall {wall}: {now}");
    }
    let (now, warning) = after_nine_idle_days(0, START - 3 * day);
    assert_eq!(now, START - 3 * day, "wall clock and store agree that so much has passed");
    assert!(matches!(warning, Some(ClockWarning::FarBeyond { disagreement: ..0, .. })));
    let (now, warning) = after_nine_idle_days(0, 0);
    assert_eq!(now, START + 20_000 - 9 * day, "only the time since the stored `now` is certain");
    assert!(matches!(warning, Some(ClockWarning::FarBeyond { beyond: 700_000_000.., .. })));
    let (now, warning) = after_nine_idle_days(YEAR, START + 20_000);
    assert_eq!(now, START + 20_000, "a store that is years ahead does not count beside a right wall clock");
    assert!(warning.is_some());
}

#[test]
fn the_first_version_takes_the_time_of_the_store() {
    for wall in [0, START - YEAR, START + YEAR, u64::MAX] {
        let mut estimate = Estimate::new(Authority::Store);
        estimate.known(0, ms(0));
        assert_eq!(estimate.now(wall, ms(5_000)), 0, "nobody has told the time yet");
        hear(&mut estimate, 10_000, 0);
        let now = estimate.now(wall, ms(10_500));
        assert!(now.abs_diff(START + 10_500) <= 1_030, "{wall}: {now}");
        assert_eq!(estimate.take_warning(), None);
    }
}

#[test]
fn a_version_of_another_server_helps_one_that_is_behind() {
    let mut estimate = informed(20);
    estimate.known(START + 10_000 - 9 * DAY.unsigned_abs(), ms(10_000));
    assert!(estimate.now(0, ms(20_000)) < START);
    assert!(estimate.take_warning().is_some());
    estimate.known(START + 30_000, ms(30_000));
    assert!(estimate.now(0, ms(31_000)).abs_diff(START + 31_000) < 1_100);
}

#[test]
fn a_warning_is_due_once_an_hour() {
    let mut estimate = informed(20);
    estimate.known(START - YEAR, ms(0));
    let mut warnings = 0;
    for second in 20..7_300 {
        estimate.now(0, ms(second * 1_000));
        warnings += usize::from(estimate.take_warning().is_some());
    }
    assert_eq!(warnings, 3);
}

#[test]
fn a_now_far_ahead_of_the_clocks_goes_on() {
    for authority in [Authority::Store, Authority::Machine] {
        let mut estimate = Estimate::new(authority);
        (0..20).for_each(|nth| hear(&mut estimate, 10_000 + nth * 250, 0));
        estimate.known(START + YEAR, ms(20_000));
        assert_eq!(estimate.now(START + 25_000, ms(25_000)), START + YEAR + 5_000);
        assert!(matches!(estimate.take_warning(), Some(ClockWarning::FarBehind { .. })));
    }
    let mut estimate = informed(20);
    estimate.known(START + HOUR, ms(20_000));
    assert_eq!(estimate.now(START + 25_000, ms(25_000)), START + 25_000, "less than a day heals by standing still");
}

impl Estimate {
    /// The bounds of the lead that count at a time.
    fn bounds_at(&self, monotonic: u64) -> Bounds {
        self.common.unwrap().at(monotonic.cast_signed())
    }
}

mod model;
