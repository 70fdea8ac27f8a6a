//! Numbers in JSON that every reader gets right.
//!
//! Many JSON readers hold numbers as floating point, and are exact up to 2^53. A larger number is written as a string. Each
//! number has one spelling: a string with a small number in it is an error.

use std::fmt;
use std::io::Write as _;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The largest number that is written as a number.
const EXACT: u128 = 1 << 53;

/// Any number of 64 bits, with or without a sign.
struct Number(i128);

/// Appends a number.
pub fn write(number: impl Into<i128>, out: &mut Vec<u8>) {
    let number = number.into();
    let written = if number.unsigned_abs() <= EXACT { write!(out, "{number}") } else { write!(out, "\"{number}\"") };
    written.expect("memory takes every byte");
}

/// Reads a number that fits into `N`.
pub fn read<'de, D: Deserializer<'de>, N: TryFrom<i128>>(deserializer: D) -> Result<N, D::Error> {
    let Number(number) = Number::deserialize(deserializer)?;
    N::try_from(number).map_err(|_| D::Error::custom(format_args!("{number} is out of range")))
}

/// Reads a number that need not stand there. If its name does, so does the number.
pub fn read_present<'de, D: Deserializer<'de>, N: TryFrom<i128>>(deserializer: D) -> Result<Option<N>, D::Error> {
    read(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Spellings;
        impl Visitor<'_> for Spellings {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, as a string if it is beyond 2^53")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                plain(number.into())
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                plain(number.into())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                let number = text.parse::<i128>().ok().filter(|number| number.unsigned_abs() > EXACT);
                let number = number.filter(|number| number.to_string() == text);
                number.map(Number).ok_or_else(|| E::custom(format_args!("{text:?} is not a number beyond 2^53")))
            }
        }
        deserializer.deserialize_any(Spellings)
    }
}

fn plain<E: Error>(number: i128) -> Result<Number, E> {
    if number.unsigned_abs() <= EXACT {
        return Ok(Number(number));
    }
    Err(E::custom(format_args!("{number} is beyond 2^53 and has to be a string")))
}
