//! A headless Chromium, driven over a pipe by the protocol of its developer tools.
//!
//! Nothing here waits for a time to pass: every command is answered, and what a page did before an answer is reported
//! before it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser ends with the test that started it: should the test be killed, it sees its pipe close; and should it hang,
/// it is ended after this many seconds, which fails the test.
const AT_MOST_SECONDS: &str = "300";

/// Messages end with a zero. The browser reads its file 3 and writes its file 4.
const START: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// Opens a page, does something with it, and fails if any script of it failed, complained, or asked for anything more
/// than the page.
pub fn visit(page: &Path, test: impl FnOnce(&mut Browser)) {
    let mut browser = Browser::start();
    browser.open(page);
    test(&mut browser);
    assert_eq!(browser.faults, [""; 0]);
}

/// A browser with one page.
pub struct Browser {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
    /// Errors of scripts, complaints on the console, and requests beyond the page itself.
    faults: Vec<String>,
    loaded: bool,
    _profile: TempDir,
}

impl Browser {
    /// Starts one that shows nothing yet.
    fn start() -> Browser {
        let profile = tempfile::tempdir().expect("a folder for the browser");
        let mut process = Command::new("timeout")
            .args(["--kill-after=5", AT_MOST_SECONDS, "sh", "-c", START, "sh", "chromium", "--headless"])
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-extensions"])
            .args(["--remote-debugging-pipe", &format!("--user-data-dir={}", profile.path().display())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/setup-tests installs chromium");
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut browser = Browser {
            process,
            input,
            output,
            session: None,
            sent: 0,
            faults: Vec::new(),
            loaded: false,
            _profile: profile,
        };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.ask("Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_owned);
        assert!(browser.session.is_some(), "the page can be spoken to");
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        let size = json!({"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        browser.ask("Emulation.setDeviceMetricsOverride", size);
        browser
    }

    /// Asks for something and returns the answer.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).expect("the browser takes messages");
        loop {
            let message = self.message();
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    /// Opens a file, and returns when it is loaded and its scripts have run.
    fn open(&mut self, page: &Path) {
        self.loaded = false;
        let answer = self.ask("Page.navigate", json!({"url": format!("file://{}", page.display())}));
        assert!(answer["errorText"].is_null(), "{answer}");
        while !self.loaded {
            self.message();
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The same, as text.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    /// The same, as a number.
    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.value(expression);
        value.as_f64().unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    /// What people can read of what a selector finds.
    pub fn shown(&mut self, selector: &str) -> String {
        self.text(&format!("document.querySelector({}).innerText", json!(selector)))
    }

    /// How many elements a selector finds.
    pub fn count(&mut self, selector: &str) -> f64 {
        self.number(&format!("document.querySelectorAll({}).length", json!(selector)))
    }

    /// The faults so far, which are then no more: for a test that provokes them.
    pub fn take_faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }

    /// Presses and releases keys, one after the other.
    pub fn press(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| self.press_with(key, 0));
    }

    /// Presses and releases a key with a modifier.
    pub fn press_with(&mut self, key: &str, modifiers: u8) {
        let arrows = ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"];
        let code = arrows.iter().position(|arrow| *arrow == key).map_or(0, |place| place + 37);
        for kind in ["rawKeyDown", "keyUp"] {
            let params = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers});
            self.ask("Input.dispatchKeyEvent", params);
        }
    }

    /// Puts the keyboard's focus on what a selector finds.
    pub fn focus(&mut self, selector: &str) {
        let found = json!(selector);
        assert_eq!(
            self.value(&format!("document.querySelector({found}).focus(), document.activeElement.matches({found})")),
            true
        );
    }

    /// Moves the mouse onto what a selector finds.
    pub fn hover(&mut self, selector: &str) {
        self.mouse("mouseMoved", selector, &json!({}));
    }

    /// Turns the wheel over what a selector finds, with a modifier.
    pub fn wheel(&mut self, selector: &str, by: f64, modifiers: u8) {
        self.mouse("mouseWheel", selector, &json!({"deltaX": 0, "deltaY": by, "modifiers": modifiers}));
    }

    /// Does something with the mouse, in the middle of what a selector finds.
    fn mouse(&mut self, kind: &str, selector: &str, more: &Value) {
        let [x, y] = self.middle(selector);
        self.mouse_at(kind, x, y, more);
    }

    /// Drags what a selector finds to the side.
    pub fn drag(&mut self, selector: &str, by: f64) {
        let [x, y] = self.middle(selector);
        let left = json!({"button": "left", "buttons": 1, "clickCount": 1});
        self.mouse_at("mouseMoved", x, y, &json!({}));
        self.mouse_at("mousePressed", x, y, &left);
        for share in [0.5, 1.0] {
            self.mouse_at("mouseMoved", x + share * by, y, &left);
        }
        self.mouse_at("mouseReleased", x + by, y, &json!({"button": "left", "clickCount": 1}));
    }

    /// Does something with the mouse at a place.
    fn mouse_at(&mut self, kind: &str, x: f64, y: f64, more: &Value) {
        let mut params = json!({"type": kind, "x": x, "y": y});
        for (name, value) in more.as_object().expect("more is an object") {
            params[name] = value.clone();
        }
        self.ask("Input.dispatchMouseEvent", params);
    }

    /// Clicks on what a selector finds.
    pub fn click(&mut self, selector: &str) {
        let left = json!({"button": "left", "clickCount": 1});
        self.hover(selector);
        self.mouse("mousePressed", selector, &left);
        self.mouse("mouseReleased", selector, &left);
    }

    /// Where that is in the window; scrolls there first.
    fn middle(&mut self, selector: &str) -> [f64; 2] {
        let found = format!("document.querySelector({})", json!(selector));
        let middle = format!(
            "(node => {{ node.scrollIntoView({{block: 'nearest'}}); const box = node.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2] }})({found})"
        );
        let place = self.value(&middle);
        [0, 1].map(|nth| place[nth].as_f64().expect("a coordinate"))
    }

    /// Opens a page again, in a browser that runs no scripts.
    pub fn open_without_scripts(&mut self, page: &Path) {
        self.ask("Emulation.setScriptExecutionDisabled", json!({"value": true}));
        self.open(page);
    }

    /// Chooses the theme.
    pub fn theme(&mut self, theme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": theme}]);
        self.ask("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// A picture of the page, all of it, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let answer = self.ask("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        BASE64.decode(answer["data"].as_str().expect("a picture")).expect("in base64")
    }

    /// The page as PDF.
    pub fn pdf(&mut self) -> Vec<u8> {
        let answer = self.ask("Page.printToPDF", json!({"preferCSSPageSize": true, "printBackground": true}));
        BASE64.decode(answer["data"].as_str().expect("a document")).expect("in base64")
    }

    fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.output.read_until(0, &mut bytes).expect("the browser can be read");
        assert_eq!(bytes.pop(), Some(0), "the browser has ended, or hung and was ended");
        let message: Value = serde_json::from_slice(&bytes).expect("the browser speaks JSON");
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Runtime.exceptionThrown") => self.faults.push(params.to_string()),
            Some("Runtime.consoleAPICalled") => self.faults.push(params.to_string()),
            Some("Log.entryAdded") => self.faults.push(params.to_string()),
            Some("Network.requestWillBeSent") if params["type"] != "Document" && !self.own(params) => {
                self.faults.push(format!("requests {}", params["request"]["url"]));
            }
            _ => {}
        }
        message
    }

    /// Whether nothing is fetched for it, since it is in the page.
    fn own(&self, params: &Value) -> bool {
        params["request"]["url"].as_str().is_some_and(|url| url.starts_with("data:"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The answer may be lost with the browser; only its end counts, and `timeout` sees to that.
        let _ = self.input.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.process.wait();
    }
}
