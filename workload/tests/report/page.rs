//! What a page says, whatever it is made of.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;
use valthree_workload::check::{Budget, Verdict, check};

use crate::browser::visit;
use crate::evidence::{WHY, all_but_the_last, folder, long, stale_read, written, written_stale_read};

#[test]
fn a_page_says_what_is_wrong_with_its_script_and_without() {
    let artifacts = written_stale_read("says");
    visit(&artifacts.page, |browser| {
        let says = |browser: &mut crate::browser::Browser| {
            assert_eq!(browser.shown("h1"), WHY);
            assert!(browser.shown(".marked").starts_with("#12 client 2"), "{}", browser.shown(".marked"));
            assert!(browser.shown(".marked").contains("GET balance → 100"));
            assert!(browser.shown(".extent").starts_with("10 of 13 operations prove it"));
            assert_eq!(browser.count("#order tr"), 9.0);
            let step = browser.shown("#order tr:nth-child(6)");
            assert!(step.contains("SET balance 70 → unknown: the connection broke") && step.contains("balance = 70"));
            assert!(browser.shown("#order .culprit").contains("70 would be right here"));
        };
        says(browser);
        assert_eq!(browser.count("#lanes .bar"), 10.0);
        assert_eq!(browser.count("#lanes .bar.open, #lanes .tail"), 1.0, "the one of unknown outcome stays open");
        assert_eq!(browser.count("#lanes .bar.failed"), 1.0);
        assert_eq!(browser.shown("#after"), "State after step 8");
        assert_eq!(
            browser.shown("#holds").split_whitespace().collect::<Vec<_>>(),
            ["balance", "70", "limit", "absent", "owner", "ada"]
        );
        browser.open_without_scripts(&artifacts.page);
        assert_eq!(browser.count("#lanes .bar"), 0.0, "no script has run");
        says(browser);
    });
}

/// Words that would do something if they were anything but data.
const HOSTILE: [&str; 12] = [
    "</script><script>window.broken = 1</script>",
    "<!--<script>",
    "<img src=x onerror=\"window.broken = 1\">",
    "'\"><svg onload=window.broken=1>",
    "`${window.broken = 1}`",
    "{{script}} {{why}}",
    "__proto__",
    "constructor",
    "\u{0}\u{1b}[2J\u{7f}\u{9b}",
    "\u{202e}desrever\u{2066}\u{2028}",
    "&lt;b&gt;&amp;",
    "🦀 é 日本 \\u003c \\",
];

#[test]
fn hostile_words_stay_data() {
    let mut lines = json!({"history": 1, "about": HOSTILE[0]}).to_string() + "\n";
    for (id, word) in HOSTILE.iter().enumerate() {
        lines += &format!("{}\n", json!({"call": id, "client": id, "server": word, "command": ["SET", word, word]}));
        let fate =
            [json!({"error": word}), json!({"strange": word}), json!({"status": word}), json!(word)][id % 4].clone();
        lines += &format!("{}\n", json!({"return": id, "reply": fate}));
    }
    lines += &format!("{}\n", json!({"call": 50, "client": 50, "command": ["GET", {"base64": "//4AgA=="}]}));
    lines += &format!("{}\n", json!({"return": 50, "failed": HOSTILE[2]}));
    lines += &format!("{}\n", json!({"call": 51, "client": 51, "command": ["MGET", HOSTILE[0], "x".repeat(5000)]}));
    lines += &format!("{}\n", json!({"return": 51, "reply": [HOSTILE[3], {"error": HOSTILE[0]}]}));
    let (history, violation) = all_but_the_last(&lines, HOSTILE[0]);
    let artifacts = written("hostile", &history, &violation);
    let bytes = fs::read(&artifacts.page).expect("a page");
    let harmless = |byte: &u8| *byte >= b' ' || *byte == b'\n';
    assert!(bytes.iter().all(harmless), "a page is text, without control characters");
    visit(&artifacts.page, |browser| {
        assert_eq!(browser.shown("h1"), format!("{}.", HOSTILE[0]));
        assert_eq!(browser.count("script"), 2.0, "its data and its own");
        assert_eq!(browser.count("img, svg[onload], b b, [onerror]"), 0.0);
        assert_eq!(browser.count("#order tr"), 14.0);
        let shown = browser.shown("#order");
        for word in
            HOSTILE.iter().filter(|word| !word.chars().any(|c| c.is_control() || ('\u{2000}'..'\u{2100}').contains(&c)))
        {
            assert!(shown.contains(&format!("SET {word} {word} → ")), "{word} in {shown}");
        }
        assert!(shown.contains("\\u{202e}desrever\\u{2066}"), "{shown}");
        for id in 0..HOSTILE.len() {
            browser.hover(&format!("#operation-{id} .edge"));
            assert!(browser.shown("#card").starts_with(&format!("#{id}, client {id} on ")));
        }
        browser.hover("#operation-12 .edge");
        assert!(browser.shown("#card").contains("GET \\xff\\xfe\\x00\\x80"), "{}", browser.shown("#card"));
        assert_eq!(browser.value("window.broken === undefined && ({}).broken === undefined"), true);
    });
}

/// Should something break out after all, there is nothing that it could do.
#[test]
fn a_page_lets_no_other_script_run_and_asks_no_network() {
    visit(&written_stale_read("policy").page, |browser| {
        let tries = "document.body.append(Object.assign(document.createElement('script'), {text: 'window.broken = 1'})); \
                     document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.broken = 1\" id=bait>bait</p>'); \
                     document.getElementById('bait').click(); \
                     fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused')";
        assert_eq!(browser.value(tries), "refused");
        assert_eq!(browser.value("window.broken === undefined"), true);
        let faults = browser.take_faults().join("\n");
        assert!(faults.matches("Content Security Policy").count() >= 3, "the policy refused it: {faults}");
    });
}

#[test]
fn a_thousand_operations_can_be_looked_at() {
    let (history, violation) = long(1_000);
    let artifacts = written("long", &history, &violation);
    visit(&artifacts.page, |browser| {
        let size = fs::metadata(&artifacts.page).expect("a page").len();
        assert!(size < 1 << 20, "the page has {size} bytes");
        let nodes = browser.count("#lanes *");
        assert!(nodes < 8_000.0, "{nodes} nodes in the lanes");
        let near = browser.count("#lanes .bar:not([hidden])");
        assert!((10.0..120.0).contains(&near), "it opens near what is marked, not on all: {near}");
        assert_eq!(browser.count("#operation-1000:not([hidden])"), 1.0);
        fs::write(folder("long").join("near.png"), browser.picture()).expect("a picture");
        browser.press(&["0"]);
        assert_eq!(browser.count("#lanes .bar:not([hidden])"), 1_001.0);
        fs::write(folder("long").join("fit.png"), browser.picture()).expect("a picture");
        let clients = browser.count("#lanes .row");
        assert!(clients < 30.0, "clients that follow one another share lanes: {clients}");
        browser.click("#overview");
        browser.press(&["+", "+", "+", "+", "+", "+"]);
        let middle = browser.count("#lanes .bar:not([hidden])");
        assert!((5.0..200.0).contains(&middle), "{middle}");
        assert_eq!(browser.count("#operation-1000:not([hidden])"), 0.0);
        browser.press(&["m"]);
        assert_eq!(browser.count("#operation-1000:not([hidden])"), 1.0);
        assert!(browser.shown("#card").contains("No order explains it."));
        browser.press(&["k", "k"]);
        assert_eq!(browser.shown("#at"), "999 of 1000");
    });
}

/// A point of the order lies within its bar, after those before it: else the picture would contradict the order.
const POINTS_ARE_IN_THEIR_BARS: &str = "order.every(({ operation }, step) => { \
    const { from, to } = nodes.bars.get(operations[operation]).bar; const point = layout.points[step]; \
    return from < point && point < to && (step === 0 || layout.points[step - 1] < point); })";

#[test]
fn what_the_checker_finds_can_be_drawn() {
    let (long, _) = long(1_000);
    let (_, stale_read, _) = stale_read();
    for (name, history) in [("checked", &stale_read), ("checked_long", &long)] {
        let Verdict::Violation(violation) = check(history, Budget::default()) else { panic!("{name} is a violation") };
        visit(&written(name, history, &violation).page, |browser| {
            assert_eq!(browser.number("steps"), violation.prefix.len() as f64);
            assert_eq!(browser.value(POINTS_ARE_IN_THEIR_BARS), true);
            browser.click("input[value=time]");
            assert_eq!(browser.value(POINTS_ARE_IN_THEIR_BARS), true);
            let places = browser.number("x(layout.points[0])") < browser.number("x(layout.points.at(-1))");
            assert!(places, "time goes to the right");
        });
    }
}

#[test]
fn a_pipeline_has_a_row_for_each_command_that_is_under_way() {
    let lines = "{\"call\":1,\"client\":1,\"command\":[\"SET\",\"k\",\"1\"]}\n\
                 {\"call\":2,\"client\":1,\"command\":[\"SET\",\"k\",\"2\"]}\n\
                 {\"return\":1,\"reply\":{\"status\":\"OK\"}}\n\
                 {\"return\":2,\"reply\":{\"status\":\"OK\"}}\n\
                 {\"call\":3,\"client\":1,\"command\":[\"GET\",\"k\"]}\n\
                 {\"return\":3,\"reply\":\"1\"}\n";
    let (history, violation) = all_but_the_last(lines, "it has been 2 since");
    visit(&written("pipeline", &history, &violation).page, |browser| {
        let rows = browser
            .value("[0, 1, 2].map(place => document.querySelector(`#operation-${place} .edge`).getAttribute('y'))");
        assert!(rows[0] != rows[1] && rows[0] == rows[2], "{rows}");
        assert_eq!(browser.count("#lanes .row"), 1.0, "in one lane");
    });
}

/// WCAG asks for 4.5.
const LEAST_CONTRAST: f64 = 4.5;

#[test]
fn letters_can_be_read_in_both_themes() {
    let artifacts = written_stale_read("themes");
    let contrast = "(() => { \
        const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true}); \
        const light = colour => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); \
            const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); \
            return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; }; \
        const between = (a, b) => Math.max(light(a), light(b)) / Math.min(light(a), light(b)); \
        const style = selector => getComputedStyle(document.querySelector(selector)); \
        const paper = style('body').backgroundColor; \
        const bars = [...document.querySelectorAll('#lanes .bar:not(.failed)')].filter(bar => bar.querySelector('text').textContent) \
            .flatMap(bar => [...bar.querySelectorAll('.part')].map(part => between(getComputedStyle(part).fill, getComputedStyle(bar.querySelector('text')).fill))); \
        return Math.min(...bars, between(style('h1').color, paper), between(style('.extent').color, paper), \
            between(style('.verdict').color, style('.verdict').backgroundColor), between(style('.marked span').color, style('.marked').backgroundColor), \
            between(style('#order .culprit td').color, style('#order .culprit td').backgroundColor)); })()";
    visit(&artifacts.page, |browser| {
        let papers = ["light", "dark"].map(|theme| {
            browser.theme(theme);
            let least = browser.number(contrast);
            assert!(least >= LEAST_CONTRAST, "{theme}: {least}");
            fs::write(folder("themes").join(format!("{theme}.png")), browser.picture()).expect("a picture");
            browser.text("getComputedStyle(document.body).backgroundColor")
        });
        assert_ne!(papers[0], papers[1]);
    });
}

#[test]
fn a_printed_page_has_the_sentence_and_the_order() {
    visit(&written_stale_read("print").page, |browser| {
        browser.theme("dark"); // paper is white all the same
        let document = folder("print").join("print.pdf");
        fs::write(&document, browser.pdf()).expect("a document");
        let text = Command::new("pdftotext")
            .args(["-layout".as_ref(), document.as_os_str(), "-".as_ref()])
            .stderr(Stdio::inherit())
            .output()
            .expect("scripts/setup-tests installs pdftotext");
        let text = String::from_utf8(text.stdout).expect("text").split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            WHY,
            "GET balance → 100",
            "client 4",
            "MGET balance owner limit → [45, ada, 500]",
            "State after step 8",
            "70 would be right here",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(
            !text.contains("Zoom") && !text.contains("choose an operation"),
            "what can't be used is not printed: {text}"
        );
    });
}
