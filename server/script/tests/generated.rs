//! Compares the engine with a real server on scripts that a seed generates.

mod support;

use bytes::BytesMut;
use support::{Memory, RealServer, engine, limits};
use valthree_script::resp::Protocol;

/// How many scripts of each kind one run compares.
const SCRIPTS: usize = 60;

/// A small generator of numbers, so that a seed gives the same scripts everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    fn some(&mut self, most: usize, from: &[&str]) -> String {
        let count = 1 + self.roll(most);
        (0..count).map(|_| self.pick(from)).collect()
    }
}

const ITEMS: &[&str] = &[
    "a", "b", "%a", "%d", "%s", "%w", "%p", ".", "[ab]", "[^a]", "[a-c]", "[%d_]", "%A", "a*", "b+", ".-", "%w?",
    "(a)", "(.-)", "()", "(%d+)", "^", "$", "%b()", "%f[%w]", "%1", "%%", "[]]", "[", "%", "(", ")", "x", " ", "-",
    "\\n", "%z",
];
const SUBJECTS: &[&str] = &["a", "b", "c", "1", "23", " ", "(", ")", "_", "x", "aa", "ab", "%", "\\n", "\\0", "-", "."];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2.5",
    "-0.5",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "1e15",
    "1e16",
    "1e100",
    "0.1",
    "1/3",
    "2^53",
    "-2^63",
    "1e-7",
    "123456789012",
    "'12'",
    "'0x1f'",
    "' 7 '",
];

fn pattern(dice: &mut Dice) -> String {
    let (subject, pattern) = (dice.some(8, SUBJECTS), dice.some(4, ITEMS));
    match dice.roll(5) {
        0 => format!("return {{string.find('{subject}', '{pattern}')}}"),
        1 => format!("return {{string.match('{subject}', '{pattern}', {})}}", dice.roll(4)),
        2 => format!(
            "return {{string.gsub('{subject}', '{pattern}', '{}')}}",
            dice.pick(&["", "<%0>", "%1", "x", "%2", "%%"])
        ),
        3 => format!(
            "local r = {{}} for a, b in string.gmatch('{subject}', '{pattern}') do r[#r + 1] = tostring(a) .. '/' .. tostring(b) end return r"
        ),
        _ => format!(
            "return {{string.gsub('{subject}', '{pattern}', function(a, b) return '<' .. tostring(a) .. tostring(b) .. '>' end, {})}}",
            dice.roll(4)
        ),
    }
}

fn format(dice: &mut Dice) -> String {
    let flag = dice.pick(&["", "-", "+", " ", "#", "0", "5", "-8", ".3", "10.2", "020"]);
    let kind = dice.pick(&["d", "i", "u", "c", "x", "X", "o", "e", "E", "f", "g", "G", "q", "s"]);
    format!("return string.format('[%{flag}{kind}]', {})", dice.pick(NUMBERS))
}

fn arithmetic(dice: &mut Dice) -> String {
    let (a, b) = (dice.pick(NUMBERS), dice.pick(NUMBERS));
    match dice.roll(4) {
        0 => format!("return tostring({a} {} {b})", dice.pick(&["+", "-", "*", "/", "%", "^", "..", "==", "<", "<="])),
        1 => format!(
            "return tostring(math.{}({a}))",
            dice.pick(&["floor", "ceil", "abs", "sqrt", "exp", "sin", "deg", "log", "log10", "tanh"])
        ),
        2 => format!("return tostring(math.{}({a}, {b}))", dice.pick(&["fmod", "max", "min", "pow", "atan2", "ldexp"])),
        _ => format!("math.randomseed({a}) return {{math.random(100), tostring(math.random()), math.random(5, 50)}}"),
    }
}

fn bits(dice: &mut Dice) -> String {
    let name = dice
        .pick(&["tobit", "bnot", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "bswap", "tohex"]);
    format!("return bit.{name}({}, {})", dice.pick(NUMBERS), dice.pick(NUMBERS))
}

fn value(dice: &mut Dice, depth: usize) -> String {
    match dice.roll(if depth == 0 { 5 } else { 8 }) {
        0 | 1 => dice.pick(NUMBERS).to_owned(),
        2 => format!("'{}'", dice.some(5, SUBJECTS)),
        3 => dice.pick(&["true", "false", "cjson.null"]).to_owned(),
        4 => "{}".to_owned(),
        5 | 6 => {
            let parts: Vec<String> = (0..dice.roll(5)).map(|_| value(dice, depth - 1)).collect();
            format!("{{{}}}", parts.join(", "))
        }
        _ => {
            format!("{{{} = {}}}", dice.pick(&["k", "[1]", "[3]", "['x y']", "[1.5]", "[30]"]), value(dice, depth - 1))
        }
    }
}

fn json_encode(dice: &mut Dice) -> String {
    format!("return cjson.encode({})", value(dice, 3))
}

fn json_decode(dice: &mut Dice) -> String {
    let parts = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\"\\\\u00e9\"",
        "1",
        "-2.5e3",
        "true",
        "null",
        " ",
        "nul",
        "0x1",
        "\"",
        "\\\\n",
    ];
    format!("return {{pcall(function() return cjson.encode(cjson.decode('{}')) end)}}", dice.some(7, parts))
}

fn msgpack(dice: &mut Dice) -> String {
    match dice.roll(3) {
        0 => format!("return cmsgpack.pack({}, {})", value(dice, 3), value(dice, 2)),
        1 => format!("return {{cmsgpack.unpack(cmsgpack.pack({}, {}))}}", value(dice, 2), value(dice, 2)),
        _ => {
            let bytes: String = (0..1 + dice.roll(8)).map(|_| format!("\\{}", dice.roll(256))).collect();
            format!("return {{pcall(function() return cjson.encode({{cmsgpack.unpack('{bytes}')}}) end)}}")
        }
    }
}

fn structs(dice: &mut Dice) -> String {
    let options = &[
        "b", "B", "h", "H", "l", "L", "i", "I", "i3", "I5", "i8", "T", "f", "d", "x", "!", "!4", "<", ">", " ", "s",
        "c2", "z",
    ];
    let format = dice.some(6, options);
    match dice.roll(3) {
        0 => format!("return {{pcall(struct.pack, '{format}', 1, -2, 300, 70000, '5', 6)}}"),
        1 => format!(
            "return {{pcall(struct.unpack, '{format}', 'abcdefghijklmnopqr\\0stuvwxyz\\0\\255\\254\\0', {})}}",
            1 + dice.roll(4)
        ),
        _ => format!("return {{pcall(struct.size, '{format}')}}"),
    }
}

fn tables(dice: &mut Dice) -> String {
    let list: Vec<String> = (0..dice.roll(7)).map(|_| dice.roll(20).to_string()).collect();
    let action = match dice.roll(6) {
        0 => format!("table.insert(t, {}, 'x')", dice.roll(9)),
        1 => format!("table.remove(t, {})", dice.roll(9)),
        2 => "table.sort(t)".to_owned(),
        3 => "table.sort(t, function(a, b) return a > b end)".to_owned(),
        4 => format!("t = {{table.concat(t, '-', {}, {})}}", dice.roll(3), dice.roll(6)),
        _ => format!("t = {{unpack(t, {}, {})}}", dice.roll(4), dice.roll(8)),
    };
    format!("local t = {{{}}} {action} return t", list.join(", "))
}

fn strings(dice: &mut Dice) -> String {
    let subject = dice.some(6, SUBJECTS);
    let (i, j) = (dice.roll(12) as i64 - 6, dice.roll(12) as i64 - 6);
    match dice.roll(5) {
        0 => format!("return ('{subject}'):sub({i}, {j})"),
        1 => format!("return {{('{subject}'):byte({i}, {j})}}"),
        2 => format!("return ('{subject}'):{}()", dice.pick(&["upper", "lower", "reverse", "len"])),
        3 => format!("return ('{subject}'):rep({i})"),
        _ => format!("return {{('{subject}'):find('{}', {i}, true)}}", dice.pick(SUBJECTS)),
    }
}

type Kind = fn(&mut Dice) -> String;

const KINDS: &[Kind] =
    &[pattern, format, arithmetic, bits, json_encode, json_decode, msgpack, structs, tables, strings];

#[test]
fn generated_scripts_answer_like_a_real_server() {
    let Some(server) = RealServer::start() else {
        eprintln!("no real server on this machine");
        return;
    };
    let mut connection = server.connect();
    let mut engine = engine();
    let mut different = Vec::new();
    let mut compared = 0;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    for kind in KINDS {
        for _ in 0..SCRIPTS {
            let script = kind(&mut dice);
            let expected = connection.ask(&[b"EVAL", script.as_bytes(), b"0"]);
            let reply = engine.eval(script.as_bytes(), &[], &[], &limits(), &mut Memory::default());
            let mut actual = BytesMut::new();
            reply.encode(Protocol::Resp2, &mut actual);
            compared += 1;
            if expected != actual {
                let (real, ours) = (expected.escape_ascii().to_string(), actual.escape_ascii().to_string());
                different.push(format!("{script}\n  real {real}\n  ours {ours}"));
            }
        }
    }
    eprintln!("generated: {compared} replies compared");
    assert!(different.is_empty(), "{} of {compared} differ:\n{}", different.len(), different.join("\n"));
}
