//! The page about a violation. Its frame, style and scripts are files in `page/`; this file fills them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use super::order::Order;
use super::picture::{Picture, outcome};
use super::text::{change, many, text, when, who};
use super::visible::{clipped, html, json_in_html, visible};
use crate::check::Violation;
use crate::history::{History, Operation};

const FRAME: &str = include_str!("page/frame.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = concat!(
    include_str!("page/layout.js"),
    include_str!("page/lanes.js"),
    include_str!("page/marks.js"),
    include_str!("page/steps.js"),
    include_str!("page/hand.js"),
);

/// The longest title, in characters. A title is one line.
const LONGEST_TITLE: usize = 80;

/// The page about a violation. It shows `shrunk`, with the rest of `history` as the background.
pub fn page(history: &History, shrunk: &History, violation: &Violation) -> String {
    let order = Order::of(shrunk, violation);
    let picture = Picture::new(history, shrunk, violation, &order);
    let marked = &shrunk.operations[violation.operation];
    fill(FRAME, |name| match name {
        "style" => STYLE.to_owned(),
        "script" => SCRIPT.to_owned(),
        "style hash" => hash(STYLE),
        "script hash" => hash(SCRIPT),
        "title" => html(&clipped(&visible(&format!("✗ {} → {}", marked.command, outcome(marked))), LONGEST_TITLE)),
        "why" => html(&sentence(&violation.why)),
        "about" => html(&history.about),
        "who" => html(&who(marked)),
        "when" => html(&when(marked)),
        "command" => html(&marked.command.to_string()),
        "outcome" => html(&outcome(marked)),
        "expected" => order
            .expected
            .as_ref()
            .map_or(String::new(), |reply| format!("<code>{}</code> would be right here", html(&reply.to_string()))),
        "extent" => extent(history, shrunk, &order),
        "left out" => left_out(&picture),
        "order" => rows(shrunk, &order),
        "text" => html_lines(&text(shrunk, violation)),
        "evidence" => json_in_html(&serde_json::to_string(&picture).expect("numbers and text are JSON")),
        unknown => unreachable!("the frame asks for {unknown}"),
    })
}

/// Replaces each `{{name}}` of the frame once. A `{{name}}` in the content stays as it is.
fn fill(frame: &str, content: impl Fn(&str) -> String) -> String {
    let mut pieces = frame.split("{{");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").expect("the frame closes what it opens");
        page.push_str(&content(name));
        page.push_str(rest);
    }
    page
}

/// The hash by which the page's policy allows a script or style.
fn hash(source: &str) -> String {
    format!("sha256-{}", BASE64.encode(Sha256::digest(source)))
}

/// A text with a capital letter and a full stop.
fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    first.chain(rest).collect::<String>() + end
}

fn extent(history: &History, shrunk: &History, order: &Order) -> String {
    let (shown, all) = (shrunk.operations.len(), history.operations.len());
    let proof = match shown < all {
        true => format!("{shown} of {} prove it.", many(all)),
        false => format!("The history has {}.", many(all)),
    };
    let explained = order.steps.len();
    format!("{proof} The longest order found explains {explained} of them.")
}

fn left_out(picture: &Picture) -> String {
    match picture.left_out {
        0 => String::new(),
        number => format!("{} far from it are in the file of the history only.", many(number)),
    }
}

/// The order as rows of a table. The frame adds a last row for the unexplained operation.
fn rows(shrunk: &History, order: &Order) -> String {
    let row = |(number, operation, change): (usize, &Operation, String)| {
        let [number, id, client] = [number as u64 + 1, operation.id, operation.client];
        let [command, outcome, change] =
            [&operation.command.to_string(), &outcome(operation), &change].map(|text| html(text));
        format!(
            "<tr><td>{number}<td>#{id}<td>client {client}<td><code>{command} <i>→</i> {outcome}</code><td><code>{change}</code>\n"
        )
    };
    let steps = order.steps.iter().enumerate().map(|(number, step)| {
        let operation = &shrunk.operations[step.operation];
        row((number, operation, change(&operation.command, step)))
    });
    steps.collect()
}

/// A text of several lines as HTML that keeps the ends of the lines.
fn html_lines(text: &str) -> String {
    text.lines().map(|line| html(line) + "\n").collect()
}
