//! Values from JSON.

use mlua::{Lua, MultiValue, Table, Value};

use super::MOST_DEPTH;
use super::word::{Token, Words};
use crate::args::{Args, argument_error, results};
use crate::run::{BYTES_PER_STEP, STEPS_PER_VALUE, lock, raise_here, run_of};

/// An open container while a text is read.
enum Building {
    Array { table: Table, count: i64 },
    Object { table: Table, key: Vec<u8> },
}

fn expected(lua: &Lua, what: &str, found: &Token, at: usize) -> mlua::Error {
    raise_here(lua, format!("Expected {what} but found {} at character {}", found.name(), at + 1))
}

pub(super) fn decode(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if args.len() != 1 {
        return Err(argument_error(lua, 1, "expected 1 argument"));
    }
    let text = args.string(lua, 1)?;
    let run = run_of(lua);
    let options = lock(&run.json).clone();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(raise_here(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut words = Words::new(&text, options.decode_invalid);
    let mut open: Vec<Building> = Vec::new();
    let mut paid = 0;
    let (mut token, mut at) = words.next();
    loop {
        run.charge(STEPS_PER_VALUE + ((words.at - paid) / BYTES_PER_STEP) as u64)?;
        paid = words.at;
        // Here the token begins a value.
        let mut value = match token {
            Token::Text(text) => Value::String(lua.create_string(text)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(boolean) => Value::Boolean(boolean),
            Token::Null => Value::NULL,
            Token::ArrayBegin | Token::ObjectBegin => {
                let depth = open.len() + 1;
                if depth as i64 > options.decode_depth || depth > MOST_DEPTH {
                    let text = format!("Found too many nested data structures ({depth}) at character {}", words.at);
                    return Err(raise_here(lua, text));
                }
                let table = lua.create_table()?;
                let array = matches!(token, Token::ArrayBegin);
                (token, at) = words.next();
                match (array, &token) {
                    (true, Token::ArrayEnd) | (false, Token::ObjectEnd) => Value::Table(table),
                    (true, _) => {
                        open.push(Building::Array { table, count: 0 });
                        continue;
                    }
                    (false, _) => {
                        let key = object_key(lua, &mut words, token, at)?;
                        open.push(Building::Object { table, key });
                        (token, at) = words.next();
                        continue;
                    }
                }
            }
            other => return Err(expected(lua, "value", &other, at)),
        };
        // The value is whole. It belongs into the innermost open container, which it may complete.
        loop {
            let (next, next_at) = words.next();
            match open.pop() {
                None => {
                    return match next {
                        Token::End => Ok(results([value])),
                        other => Err(expected(lua, "the end", &other, next_at)),
                    };
                }
                Some(Building::Array { table, count }) => {
                    table.raw_set(count + 1, value)?;
                    match next {
                        Token::Comma => open.push(Building::Array { table, count: count + 1 }),
                        Token::ArrayEnd => {
                            value = Value::Table(table);
                            continue;
                        }
                        other => return Err(expected(lua, "comma or array end", &other, next_at)),
                    }
                }
                Some(Building::Object { table, key }) => {
                    table.raw_set(lua.create_string(key)?, value)?;
                    match next {
                        Token::Comma => {
                            let (word, word_at) = words.next();
                            let key = object_key(lua, &mut words, word, word_at)?;
                            open.push(Building::Object { table, key });
                        }
                        Token::ObjectEnd => {
                            value = Value::Table(table);
                            continue;
                        }
                        other => return Err(expected(lua, "comma or object end", &other, next_at)),
                    }
                }
            }
            (token, at) = words.next();
            break;
        }
    }
}

/// Reads the key of an object, and the colon after it.
fn object_key(lua: &Lua, words: &mut Words<'_>, token: Token, at: usize) -> mlua::Result<Vec<u8>> {
    let Token::Text(key) = token else { return Err(expected(lua, "object key string", &token, at)) };
    match words.next() {
        (Token::Colon, _) => Ok(key),
        (other, at) => Err(expected(lua, "colon", &other, at)),
    }
}
