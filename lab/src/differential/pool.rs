//! The pools of words that a command can take: values, numbers, scores, times, places.
//!
//! Most words are small and meet again. A few are the ones that break parsers: empty, binary, at the limits of 64 bits, not
//! a number, infinite. No pool holds a number that makes a real server allocate hundreds of megabytes, or a time that ends
//! while a test runs.

use fastrand::Rng;

use super::lua;

/// A pool of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Values and elements.
    Value,
    /// Numbers as values.
    Digit,
    /// Members of sets and sorted sets.
    Member,
    /// Fields of hashes.
    Field,
    /// Fields of hashes that hold numbers.
    NumberField,
    /// Small integers, seldom extreme ones.
    Integer,
    /// Floats, seldom infinite.
    Float,
    /// Indexes into lists, sorted sets and strings.
    Index,
    /// Offsets of LIMIT, which are not negative: what a real server answers then depends on its encoding.
    Offset,
    /// Counts; seldom negative or extreme.
    Count,
    /// Counts that may be negative, and never extreme.
    Sample,
    /// Counts that are larger than any small collection.
    Everything,
    /// Scores.
    Score,
    /// Ends of ranges of scores.
    ScoreEnd,
    /// Ends of ranges of members.
    LexEnd,
    /// Relative times in seconds.
    Seconds,
    /// Relative times in milliseconds.
    Milliseconds,
    /// Times of day in seconds.
    UnixSeconds,
    /// Times of day in milliseconds.
    UnixMilliseconds,
    /// One millisecond, or so.
    Instant,
    /// Numbers of databases.
    Database,
    /// Cursors.
    Cursor,
    /// Patterns of keys and members.
    Glob,
    /// Offsets of bits.
    BitOffset,
    /// Offsets of bits, or of whole fields.
    FieldOffset,
    /// 0 or 1.
    Bit,
    /// Types of BITFIELD.
    BitType,
    /// Offsets of bytes.
    ByteOffset,
    /// Longitudes.
    Longitude,
    /// Latitudes.
    Latitude,
    /// Distances.
    Distance,
    /// Patterns of SORT BY.
    SortBy,
    /// Patterns of SORT GET.
    SortGet,
    /// Times to live of RESTORE. Real servers let extreme ones overflow: the key is there, and gone when somebody looks.
    Lifetime,
    /// What stands for the bytes of DUMP.
    Payload,
    /// Bytes that no DUMP gives.
    Junk,
    /// Scripts.
    Lua,
    /// Scripts that use Valkey's name for the table of its functions.
    ServerLua,
    /// Texts of libraries.
    Library,
    /// Names of libraries.
    LibraryName,
    /// Names of functions.
    Function,
    /// Digests of scripts: of known ones, of unknown ones, and words that are none.
    Sha,
    /// Indexes of 32 bits: see `DIFFERENCES.md`, LSET.
    ShortIndex,
}

/// The numbers at the limits of 64 bits, and the words that are none.
pub const EXTREMES: &[&[u8]] = &[
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"99999999999999999999999999",
    b"1.5",
    b"1e3",
    b"+1",
    b" 1",
    b"01",
    b"-0",
    b"",
    b"abc",
    b"nan",
    b"inf",
    b"\x00\xff",
];

/// Absolute times, in seconds. They are far away, and known, so that their comparison is exact.
pub const FAR_SECONDS: &[i64] = &[9_000_000_000, 9_999_999_999, 33_177_117_420];

const VALUES: &[&[u8]] =
    &[b"a", b"b", b"c", b"hello", b"Hello world", b"foobar", b"ohmytext", b"mynewtext", b"10", b"-7"];
const ODD_VALUES: &[&[u8]] =
    &[b"", b"\x00", b"\r\n", b"\xff\x00\x80", b"9223372036854775807", b"3.25", b"1e20", b" 1", b"-0"];
const FLOATS: &[&[u8]] =
    &[b"0", b"1", b"-1", b"0.5", b"2.25", b"-3.75", b"0.1", b"3.14159", b"1e3", b"100", b"1e-7", b"123456789"];
const ODD_FLOATS: &[&[u8]] = &[
    b"-0",
    b"inf",
    b"-inf",
    b"+inf",
    b"nan",
    b"1e308",
    b"-1e308",
    b"1e400",
    b"5e-324",
    b"1.7976931348623157e308",
    b"abc",
    b"",
    b"0x10",
    b" 1",
    b"1 ",
    b"1e",
    b".5",
    b"5.",
    b"12345678901234567890",
    b"0.1234567890123456789",
    b"Infinity",
];
const GLOBS: &[&[u8]] = &[
    b"*", b"?0", b"s*", b"[hl]?", b"[^s]*", b"[a-m]*", b"m1*", b"*1*", b"\\*", b"[", b"", b"*\xff", b"f?", b"[z-a]0",
    b"nothing",
];
/// `return 1` in small and in large letters, one that no text has, and no digests.
const SHAS: &[&[u8]] = &[
    b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
    b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB",
    b"0123456789abcdef0123456789abcdef01234567",
    b"short",
    b"",
];
const BIT_TYPES: &[&[u8]] = &[b"u1", b"u8", b"i8", b"i5", b"u16", b"i16", b"u32", b"i64", b"u63"];
const ODD_BIT_TYPES: &[&[u8]] = &[b"u64", b"i0", b"u0", b"i65", b"x8", b"", b"8"];
const SORT_BY: &[&[u8]] = &[b"nosort", b"s*", b"n*", b"h*->f0", b"h*->n0", b"x*", b"*", b"h*->", b"->f0", b""];
const SORT_GET: &[&[u8]] = &[b"#", b"s*", b"n*", b"h*->f0", b"h*->n1", b"l*", b"*", b"nothing", b"h*->"];

impl Pool {
    /// Draws a word.
    pub fn draw(self, rng: &mut Rng) -> Vec<u8> {
        let odd = rng.u32(0..100);
        match self {
            Pool::Value => match odd {
                0..8 => pick(rng, ODD_VALUES),
                8..10 => vec![b'v'; rng.usize(60..80)], // about the limit of the compact encodings
                10 => vec![b'w'; rng.usize(1000..5000)],
                11..40 => number(rng.i64(0..30)),
                _ => pick(rng, VALUES),
            },
            Pool::Digit if odd < 3 => pick(rng, ODD_FLOATS),
            Pool::Digit => number(rng.i64(-3..12)),
            Pool::Member => match odd {
                0..4 => pick(rng, ODD_VALUES),
                4 => vec![b'm'; rng.usize(60..70)],
                5..25 => number(rng.i64(0..12)),
                25 => name(rng, "m", 300),
                _ => name(rng, "m", 12),
            },
            Pool::Field => match odd {
                0..3 => pick(rng, ODD_VALUES),
                3 => name(rng, "f", 300),
                4..10 => name(rng, "n", 4),
                _ => name(rng, "f", 8),
            },
            Pool::NumberField if odd < 5 => name(rng, "f", 8),
            Pool::NumberField => name(rng, "n", 4),
            Pool::Integer => or_extreme(rng, odd, 8, |rng| number(rng.i64(-20..100))),
            Pool::Float if odd < 10 => pick(rng, ODD_FLOATS),
            Pool::Float => pick(rng, FLOATS),
            Pool::Index => or_extreme(rng, odd, 5, |rng| number(rng.i64(-6..8))),
            Pool::Offset if odd < 4 => {
                pick(rng, &[b"9223372036854775807", b"9223372036854775808", b"abc", b"1.5", b""])
            }
            Pool::Offset => number(rng.i64(0..5)),
            Pool::Count => or_extreme(rng, odd, 6, |rng| number(rng.i64(-1..6))),
            Pool::Sample if odd < 4 => pick(rng, &[b"abc", b"", b"9223372036854775808", b"1.5", b"0"]),
            Pool::Sample => number(rng.i64(-6..8)),
            Pool::Everything => number(rng.i64(400..1000)),
            Pool::Score => match odd {
                0..12 => pick(rng, ODD_FLOATS),
                12..40 => pick(rng, FLOATS),
                _ => number(rng.i64(-4..12)),
            },
            Pool::ScoreEnd => match odd {
                0..5 => pick(rng, &[b"(", b"abc", b"(nan", b"nan", b"", b"((1", b"[1"]),
                5..25 => pick(rng, &[b"-inf", b"+inf", b"inf", b"(inf", b"(-inf"]),
                25..45 => [b"(".as_slice(), &number(rng.i64(-4..12))].concat(),
                45..60 => pick(rng, FLOATS),
                _ => number(rng.i64(-4..12)),
            },
            Pool::LexEnd => match odd {
                0..6 => pick(rng, &[b"m1", b"", b"abc", b"--", b"\x00"]),
                6..35 => pick(rng, &[b"-", b"+"]),
                35..38 => pick(rng, &[b"[", b"(", b"[\xff", b"(\x00"]),
                _ => [if rng.bool() { b"[" } else { b"(" }.as_slice(), &Pool::Member.draw(rng)].concat(),
            },
            Pool::Seconds => time(rng, odd, |rng| rng.i64(100..10_000)),
            Pool::Milliseconds => time(rng, odd, |rng| rng.i64(100_000..10_000_000)),
            Pool::UnixSeconds => time(rng, odd, |rng| FAR_SECONDS[rng.usize(..FAR_SECONDS.len())]),
            Pool::UnixMilliseconds => time(rng, odd, |rng| FAR_SECONDS[rng.usize(..FAR_SECONDS.len())] * 1000),
            Pool::Instant => number(rng.i64(1..3)),
            Pool::Database if odd < 5 => pick(rng, &[b"16", b"-1", b"abc", b"9223372036854775808", b""]),
            Pool::Database if odd < 65 => b"0".to_vec(),
            Pool::Database => number(rng.i64(0..3)),
            Pool::Cursor if odd < 5 => pick(rng, &[b"abc", b"-1", b"18446744073709551616", b"1.5", b""]),
            Pool::Cursor => b"0".to_vec(),
            Pool::Glob => pick(rng, GLOBS),
            Pool::BitOffset if odd < 4 => pick(rng, &[b"-1", b"4294967296", b"abc", b"9223372036854775808", b"#1"]),
            Pool::BitOffset => number(rng.i64(0..100)),
            Pool::FieldOffset if odd < 30 => format!("#{}", rng.u32(0..6)).into_bytes(),
            Pool::FieldOffset if odd < 33 => pick(rng, &[b"-1", b"#", b"#-1", b"4294967296", b"abc"]),
            Pool::FieldOffset => number(rng.i64(0..80)),
            Pool::Bit if odd < 4 => pick(rng, &[b"2", b"-1", b"x", b""]),
            Pool::Bit => number(rng.i64(0..2)),
            Pool::BitType if odd < 6 => pick(rng, ODD_BIT_TYPES),
            Pool::BitType => pick(rng, BIT_TYPES),
            Pool::ByteOffset if odd < 4 => pick(rng, &[b"-1", b"536870912", b"9223372036854775807", b"abc", b"1.5"]),
            Pool::ByteOffset => number(rng.i64(0..40)),
            Pool::Longitude if odd < 4 => pick(rng, &[b"180", b"-180", b"180.1", b"abc", b"nan", b"0"]),
            Pool::Longitude => coordinate(rng, 20.0),
            Pool::Latitude if odd < 4 => pick(rng, &[b"85.05112878", b"-85.05112878", b"86", b"abc", b"inf", b"0"]),
            Pool::Latitude => coordinate(rng, 15.0),
            Pool::Distance if odd < 5 => pick(rng, &[b"-1", b"abc", b"nan", b"inf", b"0", b""]),
            Pool::Distance => pick(rng, &[b"100", b"500", b"1000", b"2000.5", b"1e4", b"5000000", b"20000000"]),
            Pool::SortBy => pick(rng, SORT_BY),
            Pool::SortGet => pick(rng, SORT_GET),
            Pool::Lifetime if odd < 4 => pick(rng, &[b"-1", b"abc", b"9223372036854775808", b"1.5", b""]),
            Pool::Lifetime if odd < 50 => b"0".to_vec(),
            Pool::Lifetime => number(rng.i64(100_000..10_000_000)),
            Pool::Payload if odd < 4 => Pool::Junk.draw(rng),
            Pool::Payload => b"$payload".to_vec(),
            Pool::Lua => lua::draw(rng).into_bytes(),
            Pool::ServerLua => lua::draw(rng).replace("redis.", "server.").into_bytes(),
            Pool::Library => lua::library(rng).into_bytes(),
            Pool::LibraryName if odd < 5 => pick(rng, &[b"", b"nothing", b"l*", b"L0"]),
            Pool::LibraryName => name(rng, "l", 3),
            Pool::Function if odd < 5 => pick(rng, &[b"", b"nothing", b"F0", b"f0 "]),
            Pool::Function => name(rng, "f", 6),
            Pool::Sha => pick(rng, SHAS),
            Pool::ShortIndex if odd < 3 => pick(rng, &[b"abc", b"1.5", b"", b"2147483647", b"9223372036854775808"]),
            Pool::ShortIndex => number(rng.i64(-6..8)),
            Pool::Junk => {
                pick(rng, &[b"", b"abc", b"\x00\xc0\x01\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00", b"0123456789abcdef"])
            }
        }
    }
}

/// Replaces a word of a command.
pub fn junk(rng: &mut Rng) -> Vec<u8> {
    pick(rng, EXTREMES)
}

/// Picks one of the words.
pub fn pick(rng: &mut Rng, words: &[&[u8]]) -> Vec<u8> {
    words[rng.usize(..words.len())].to_vec()
}

fn number(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn name(rng: &mut Rng, letter: &str, below: u32) -> Vec<u8> {
    format!("{letter}{}", rng.u32(..below)).into_bytes()
}

fn or_extreme(rng: &mut Rng, odd: u32, percent: u32, ordinary: impl Fn(&mut Rng) -> Vec<u8>) -> Vec<u8> {
    if odd < percent { pick(rng, EXTREMES) } else { ordinary(rng) }
}

/// A time that is far away, or over, or none at all.
fn time(rng: &mut Rng, odd: u32, ordinary: impl Fn(&mut Rng) -> i64) -> Vec<u8> {
    match odd {
        0..8 => pick(rng, EXTREMES),
        8..12 => number(-1),
        12..15 => number(0),
        15 => pick(rng, &[b"9223372036854775", b"9223372036854776", b"-9223372036854775807"]),
        _ => number(ordinary(rng)),
    }
}

/// A longitude and a latitude that no server refuses.
pub fn coordinates(rng: &mut Rng) -> [Vec<u8>; 2] {
    [coordinate(rng, 20.0), coordinate(rng, 15.0)]
}

/// Whether a command may be refused because of a word from this pool.
pub fn is_odd(pool: Pool, word: &[u8]) -> bool {
    let most = match pool {
        Pool::Longitude | Pool::Latitude => 85.0,
        Pool::Score | Pool::Digit => f64::MAX,
        _ => return false,
    };
    !float(word).is_some_and(|number| number.abs() <= most)
}

/// Whether the first end of a range lies behind the second one. Ends that are none lie nowhere.
pub fn is_reversed(pool: Pool, [first, second]: [&[u8]; 2]) -> bool {
    match pool {
        Pool::LexEnd => {
            let place = |end: &[u8]| match end {
                b"-" => (0, Vec::new()),
                b"+" => (2, Vec::new()),
                _ => (1, end.get(1..).unwrap_or_default().to_vec()),
            };
            place(first) > place(second)
        }
        Pool::Index => {
            let place = |end: &[u8]| float(end).map(|index| (index < 0.0, index));
            place(first) > place(second)
        }
        _ => {
            let place = |end: &[u8]| float(end.strip_prefix(b"(").unwrap_or(end));
            place(first) > place(second)
        }
    }
}

/// The ends of the widest range.
pub fn furthest(pool: Pool) -> [&'static [u8]; 2] {
    match pool {
        Pool::LexEnd => [b"-", b"+"],
        Pool::Index => [b"0", b"-1"],
        _ => [b"-inf", b"+inf"],
    }
}

fn float(word: &[u8]) -> Option<f64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A place near the origin with enough digits that two of them hardly ever are equally far from a third.
fn coordinate(rng: &mut Rng, reach: f64) -> Vec<u8> {
    format!("{:.6}", (rng.f64() * 2.0 - 1.0) * reach).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_have_an_order() {
        let reversed = |pool, first: &str, second: &str| is_reversed(pool, [first.as_bytes(), second.as_bytes()]);
        assert!(
            reversed(Pool::Index, "-1", "3") && reversed(Pool::Index, "2", "1") && !reversed(Pool::Index, "1", "-6")
        );
        assert!(reversed(Pool::ScoreEnd, "(3", "2") && !reversed(Pool::ScoreEnd, "-inf", "+inf"));
        assert!(reversed(Pool::LexEnd, "[m2", "(m1") && !reversed(Pool::LexEnd, "-", "[m1"));
        assert!(reversed(Pool::LexEnd, "+", "[m1") && !reversed(Pool::LexEnd, "-", "+"));
    }

    #[test]
    fn a_word_that_a_server_may_refuse_is_odd() {
        assert!(is_odd(Pool::Score, b"nan") && is_odd(Pool::Latitude, b"86") && is_odd(Pool::Digit, b""));
        assert!(!is_odd(Pool::Score, b"1e3") && !is_odd(Pool::Longitude, b"-19.5") && !is_odd(Pool::Member, b""));
    }
}
