//! The mouse and the keyboard in a page.

use serde_json::json;

use crate::browser::{Browser, visit};
use crate::evidence::written_stale_read;

const CONTROL: u8 = 2;
const SHIFT: u8 = 8;

/// The left edge and the width of a bar, by its index in the evidence. Operation #7 has index 5.
fn bar(browser: &mut Browser, place: usize) -> [f64; 2] {
    let edge = format!("document.querySelector('#operation-{place} .edge')");
    ["x", "width"].map(|name| browser.number(&format!("Number({edge}.getAttribute('{name}'))")))
}

fn held(browser: &mut Browser) -> Vec<String> {
    browser.shown("#holds").split_whitespace().map(str::to_owned).collect()
}

#[test]
fn hovering_tells_about_an_operation_and_shows_its_kin() {
    visit(&written_stale_read("hover").page, |browser| {
        assert_eq!(browser.value("document.querySelector('#card').hidden"), true);
        browser.hover("#operation-6 .edge");
        let card = browser.shown("#card");
        for part in [
            "#9, client 3 on 127.0.0.1:6381",
            "GET balance",
            "→ 70",
            "from 66 ms to 86.33 ms, 20.33 ms long",
            "Step 7 of the order.",
        ] {
            assert!(card.contains(part), "{part} in {card}");
        }
        let kin = browser.value("[...document.querySelectorAll('.bar.kin')].map(bar => bar.id)");
        assert_eq!(
            kin,
            json!(["operation-3", "operation-6", "operation-9"]),
            "the SET of 70, its GET, and the unexplained one"
        );
        browser.hover("#operation-3 .edge");
        assert!(browser.shown("#card").contains("may have happened at any time since"));
        browser.hover("h1");
        assert_eq!(browser.value("document.querySelector('#card').hidden"), true);
        assert_eq!(browser.count(".related"), 0.0);
    });
}

#[test]
fn each_step_shows_the_state_after_it() {
    visit(&written_stale_read("steps").page, |browser| {
        assert_eq!(browser.shown("#at"), "unexplained");
        assert_eq!(browser.count("#order .culprit.now"), 1.0);
        browser.click("#back");
        assert_eq!(browser.shown("#at"), "8 of 8");
        browser.press(&["k", "k"]);
        assert_eq!(browser.shown("#at"), "6 of 8");
        assert_eq!(browser.value("document.querySelector('.bar.now').id"), "operation-3");
        assert_eq!(held(browser), ["balance", "70", "limit", "500", "owner", "ada"]);
        assert_eq!(browser.count(".bar.later"), 2.0);
        assert_eq!(browser.count(".points .point"), 6.0);
        browser.press(&["j"]);
        assert_eq!(browser.shown("#after"), "State after step 7");
        browser.focus("#step");
        browser.press(&["ArrowLeft", "ArrowLeft", "ArrowLeft"]);
        assert_eq!(held(browser), ["balance", "45", "limit", "500", "owner", "ada"]);
        browser.click("#order tr:nth-child(2)");
        assert_eq!(held(browser), ["balance", "100"]);
        browser.click("#operation-4 .edge");
        assert_eq!(browser.shown("#at"), "4 of 8", "a click on an operation goes to its step");
        browser.press(&["k", "k", "k", "k", "k"]);
        assert_eq!(browser.shown("#after"), "State at the beginning");
        assert_eq!(browser.shown("#holds"), "Every key is absent.");
    });
}

#[test]
fn mouse_and_buttons_zoom_and_move() {
    visit(&written_stale_read("zoom").page, |browser| {
        let [start, width] = bar(browser, 5);
        browser.wheel("#operation-5 .edge", -100.0, CONTROL);
        let [zoomed_start, zoomed] = bar(browser, 5);
        assert!(zoomed > 1.3 * width, "{zoomed} {width}");
        let middle = (zoomed_start + zoomed / 2.0) - (start + width / 2.0);
        assert!(middle.abs() < 2.0, "what is under the mouse stays there: {middle}");
        browser.wheel("#operation-5 .edge", 100.0, SHIFT);
        let [moved, same] = bar(browser, 5);
        assert!(moved < zoomed_start - 50.0 && (same - zoomed).abs() < 0.01, "{moved} {zoomed_start}");
        browser.drag("#operation-4 .edge", 60.0);
        let [dragged, _] = bar(browser, 5);
        assert!((dragged - moved - 60.0).abs() < 3.0, "the lanes follow the hand: {dragged} {moved}");
        assert_eq!(browser.shown("#at"), "unexplained", "a drag is not a click");
        browser.click("#in");
        assert!(bar(browser, 5)[1] > 1.3 * same);
        browser.click("#out");
        assert!((bar(browser, 5)[1] - same).abs() < 1.0);
        browser.click("#fit");
        assert_eq!(bar(browser, 5), [start, width]);
        browser.wheel("#stage", 100.0, 0);
        assert_eq!(bar(browser, 5), [start, width], "the wheel alone belongs to the page");
    });
}

#[test]
fn the_keyboard_chooses_operations_zooms_and_moves() {
    visit(&written_stale_read("keyboard").page, |browser| {
        browser.focus("#stage");
        browser.press(&["ArrowLeft"]);
        assert!(browser.shown("#card").starts_with("#12, client 2"), "it begins at what is marked");
        browser.press(&["ArrowLeft"]);
        assert!(browser.shown("#card").starts_with("#10, client 2"), "in its lane");
        browser.press(&["ArrowDown"]);
        assert!(browser.shown("#card").starts_with("#9, client 3"), "in the next lane");
        browser.press(&["Enter"]);
        assert_eq!(browser.shown("#at"), "7 of 8");
        let [_, width] = bar(browser, 6);
        browser.press(&["+", "+", "+"]);
        let [start, zoomed] = bar(browser, 6);
        assert!(zoomed > 3.0 * width, "{zoomed} {width}");
        browser.press_with("ArrowRight", SHIFT);
        assert!(bar(browser, 6)[0] < start - 50.0);
        browser.press(&["-"]);
        assert!(bar(browser, 6)[1] < zoomed);
        browser.press(&["0"]);
        assert_eq!(bar(browser, 6)[1], width);
        browser.press(&["Escape"]);
        assert_eq!(browser.value("document.querySelector('#card').hidden"), true);
    });
}

#[test]
fn the_axis_the_colours_and_the_background_can_be_chosen() {
    visit(&written_stale_read("tools").page, |browser| {
        let ratio = |browser: &mut Browser| bar(browser, 8)[1] / bar(browser, 9)[1]; // 2.1 ms against 20.7 ms
        assert!(ratio(browser) > 2.0, "by events: three against one");
        browser.click("input[value=time]");
        let by_time = ratio(browser);
        assert!((by_time - 2.1 / 20.7).abs() < 0.01, "{by_time}");

        let hues = "[3, 6, 9].map(place => document.querySelector(`#operation-${place} .part`).style.getPropertyValue('--hue'))";
        let by_value = browser.value(hues);
        assert!(by_value[0] == by_value[1] && by_value[1] != by_value[2], "70, 70 and 100: {by_value}");
        browser.click("input[value=key]");
        let by_key = browser.value(hues);
        assert!(by_key[0] == by_key[1] && by_key[1] == by_key[2], "all are of balance: {by_key}");

        assert_eq!(browser.count("#lanes .bar"), 10.0);
        browser.click("input[value=all]");
        assert_eq!(browser.count("#lanes .bar"), 13.0);
        assert_eq!(browser.count("#lanes .bar.context"), 3.0);
        browser.hover("#operation-12 .edge");
        assert!(browser.shown("#card").contains("Not part of the proof."));
        assert_eq!(browser.shown("#at"), "unexplained");
    });
}
