//! Values from JSON.

use std::ops::ControlFlow::{self, Break, Continue};

use mlua::{Lua, MultiValue, Table, Value};

use super::MOST_DEPTH;
use super::word::{Token, Words};
use crate::args::{Args, argument_error, results};
use crate::caught::raise_here;
use crate::run::{BYTES_PER_STEP, STEPS_PER_VALUE, lock, run_of};

/// `cjson.decode`: the value of a JSON text.
pub(super) fn decode(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if args.len() != 1 {
        return Err(argument_error(lua, 1, "expected 1 argument"));
    }
    let text = args.string(lua, 1)?;
    let options = lock(&run_of(lua).json).clone();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(raise_here(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let words = Words::new(&text, options.decode_invalid);
    let most_open = options.decode_depth.min(MOST_DEPTH as i64);
    Ok(results([Decoder { lua, words, open: Vec::new(), most_open }.read()?]))
}

/// Reads a text.
struct Decoder<'a> {
    lua: &'a Lua,
    words: Words<'a>,
    /// The containers that are not whole yet, the innermost last.
    open: Vec<OpenContainer>,
    most_open: i64,
}

/// A container that is not whole yet.
enum OpenContainer {
    Array { table: Table, count: i64 },
    Object { table: Table, key: Vec<u8> },
}

/// A word, and where it begins.
type Word = (Token, usize);

impl Decoder<'_> {
    fn read(mut self) -> mlua::Result<Value> {
        let run = run_of(self.lua);
        let mut paid = 0;
        let (mut token, mut at) = self.words.next();
        loop {
            run.charge(STEPS_PER_VALUE + ((self.words.at - paid) / BYTES_PER_STEP) as u64)?;
            paid = self.words.at;
            // Here the token begins a value.
            let begun = match token {
                Token::Text(text) => Break(Value::String(self.lua.create_string(text)?)),
                Token::Number(number) => Break(Value::Number(number)),
                Token::Boolean(boolean) => Break(Value::Boolean(boolean)),
                Token::Null => Break(Value::NULL),
                Token::ArrayBegin => self.begin_array()?,
                Token::ObjectBegin => self.begin_object()?,
                other => return Err(self.expected("value", &other, at)),
            };
            let placed = match begun {
                Break(value) => self.place(value)?,
                Continue(word) => Continue(word),
            };
            match placed {
                Break(whole) => return Ok(whole),
                Continue(word) => (token, at) = word,
            }
        }
    }

    /// Begins an array. Returns it if it is empty, and otherwise the word with which its first value begins.
    fn begin_array(&mut self) -> mlua::Result<ControlFlow<Value, Word>> {
        let table = self.begin_container()?;
        Ok(match self.words.next() {
            (Token::ArrayEnd, _) => Break(Value::Table(table)),
            word => {
                self.open.push(OpenContainer::Array { table, count: 0 });
                Continue(word)
            }
        })
    }

    /// The same for an object. Its first value stands behind a key.
    fn begin_object(&mut self) -> mlua::Result<ControlFlow<Value, Word>> {
        let table = self.begin_container()?;
        Ok(match self.words.next() {
            (Token::ObjectEnd, _) => Break(Value::Table(table)),
            word => {
                let key = self.key(word)?;
                self.open.push(OpenContainer::Object { table, key });
                Continue(self.words.next())
            }
        })
    }

    fn begin_container(&self) -> mlua::Result<Table> {
        let depth = self.open.len() + 1;
        if depth as i64 > self.most_open {
            let text = format!("Found too many nested data structures ({depth}) at character {}", self.words.at);
            return Err(raise_here(self.lua, text));
        }
        self.lua.create_table()
    }

    /// Puts a whole value into the innermost open container. That may complete the container, which is a value, too.
    /// Returns the value of the whole text, or the word with which the next value begins.
    fn place(&mut self, mut value: Value) -> mlua::Result<ControlFlow<Value, Word>> {
        loop {
            let (next, at) = self.words.next();
            value = match (self.open.pop(), next) {
                (None, Token::End) => return Ok(Break(value)),
                (None, other) => return Err(self.expected("the end", &other, at)),
                (Some(OpenContainer::Array { table, count }), next) => {
                    table.raw_set(count + 1, value)?;
                    match next {
                        Token::Comma => {
                            self.open.push(OpenContainer::Array { table, count: count + 1 });
                            return Ok(Continue(self.words.next()));
                        }
                        Token::ArrayEnd => Value::Table(table),
                        other => return Err(self.expected("comma or array end", &other, at)),
                    }
                }
                (Some(OpenContainer::Object { table, key }), next) => {
                    table.raw_set(self.lua.create_string(key)?, value)?;
                    match next {
                        Token::Comma => {
                            let word = self.words.next();
                            let key = self.key(word)?;
                            self.open.push(OpenContainer::Object { table, key });
                            return Ok(Continue(self.words.next()));
                        }
                        Token::ObjectEnd => Value::Table(table),
                        other => return Err(self.expected("comma or object end", &other, at)),
                    }
                }
            }
        }
    }

    /// Reads the key of an object, which begins with this word, and the colon after it.
    fn key(&mut self, (token, at): Word) -> mlua::Result<Vec<u8>> {
        let Token::Text(key) = token else { return Err(self.expected("object key string", &token, at)) };
        match self.words.next() {
            (Token::Colon, _) => Ok(key),
            (other, at) => Err(self.expected("colon", &other, at)),
        }
    }

    fn expected(&self, what: &str, found: &Token, at: usize) -> mlua::Error {
        raise_here(self.lua, format!("Expected {what} but found {} at character {}", found.name(), at + 1))
    }
}
