//! Reading a payload.

use super::listpack::Listpack;
use super::packed::{self, Allowance, Item, distinct, pairs};
use super::reader::BodyReader;
use super::stream_decode::stream;
use super::whole::Whole;
use super::ziplist::Ziplist;
use super::zipmap::Zipmap;
use super::{PayloadError, footer, form, intset};
use bytes::Bytes;

type HashField = (Bytes, Bytes, Option<u64>);
type Member = (Bytes, f64);

/// In place of the length of a score: it is not a number, or infinite.
const SCORE_NAN: u8 = 253;
const SCORE_INFINITE: u8 = 254;
const SCORE_MINUS_INFINITE: u8 = 255;

/// Reads a payload.
///
/// `limit` bounds the memory of the value, in bytes. Each element counts about a hundred bytes beside its content. A
/// field name that a stream stores once counts for every entry that has it.
pub fn decode(payload: &[u8], limit: usize) -> Result<Whole, PayloadError> {
    let mut reader = BodyReader::new(footer::open(payload)?, limit);
    let form = reader.byte()?;
    let whole = body(form, &mut reader)?;
    reader.end()?;
    check(&whole)?;
    Ok(whole)
}

fn body(form: u8, reader: &mut BodyReader) -> Result<Whole, PayloadError> {
    Ok(match form {
        form::STRING => Whole::String(reader.element()?),
        form::LIST => Whole::List(elements(reader)?),
        form::LIST_ZIPLIST => Whole::List(reader.blob(|blob, allowance| texts(Ziplist::open(blob)?, allowance))?),
        form::LIST_ZIPLISTS => Whole::List(ziplists(reader)?),
        form::LIST_LISTPACKS => Whole::List(listpacks(reader)?),
        form::SET => Whole::Set(elements(reader)?),
        form::SET_INTSET => Whole::Set(reader.blob(|blob, allowance| {
            texts(intset::members(blob)?.map(|member| member.map(Item::Integer)), allowance)
        })?),
        form::SET_LISTPACK => Whole::Set(reader.blob(|blob, allowance| texts(Listpack::open(blob)?, allowance))?),
        form::HASH => Whole::Hash(fields(reader, |_| Ok(None))?),
        form::HASH_EXPIRING => Whole::Hash(fields(reader, expiry)?),
        form::HASH_ZIPMAP => Whole::Hash(reader.blob(zipmap_fields)?),
        form::HASH_ZIPLIST => {
            Whole::Hash(reader.blob(|blob, allowance| packed_fields(Ziplist::open(blob)?, allowance))?)
        }
        form::HASH_LISTPACK => {
            Whole::Hash(reader.blob(|blob, allowance| packed_fields(Listpack::open(blob)?, allowance))?)
        }
        form::ZSET_TEXT => Whole::Zset(members(reader, text_score)?),
        form::ZSET => Whole::Zset(members(reader, |reader| Ok(f64::from_le_bytes(reader.array()?)))?),
        form::ZSET_ZIPLIST => {
            Whole::Zset(reader.blob(|blob, allowance| packed_members(Ziplist::open(blob)?, allowance))?)
        }
        form::ZSET_LISTPACK => {
            Whole::Zset(reader.blob(|blob, allowance| packed_members(Listpack::open(blob)?, allowance))?)
        }
        form::STREAM | form::STREAM_COUNTED | form::STREAM_ACTIVE => Whole::Stream(stream(form, reader)?),
        // Values of modules, forms of Redis alone, and what is no form.
        _ => return Err(PayloadError::Format),
    })
}

/// Requires what every server takes for granted: elements, no duplicates, and numbers as scores. Streams are checked
/// while they are read.
fn check(whole: &Whole) -> Result<(), PayloadError> {
    match whole {
        Whole::String(_) | Whole::Stream(_) => Ok(()),
        Whole::List(elements) if elements.is_empty() => Err(PayloadError::Format),
        Whole::List(_) => Ok(()),
        Whole::Set(members) => check_names(members.iter().collect()),
        Whole::Hash(fields) => check_names(fields.iter().map(|(field, ..)| field).collect()),
        Whole::Zset(members) if members.iter().any(|(_, score)| score.is_nan()) => Err(PayloadError::Format),
        Whole::Zset(members) => check_names(members.iter().map(|(member, _)| member).collect()),
    }
}

fn check_names(names: Vec<&Bytes>) -> Result<(), PayloadError> {
    if !names.is_empty() && distinct(names) { Ok(()) } else { Err(PayloadError::Format) }
}

fn elements(reader: &mut BodyReader) -> Result<Vec<Bytes>, PayloadError> {
    let mut elements = Vec::new();
    for _ in 0..reader.length()? {
        elements.push(reader.element()?);
    }
    Ok(elements)
}

fn texts<'a>(
    items: impl Iterator<Item = Result<Item<'a>, PayloadError>>,
    allowance: &mut Allowance,
) -> Result<Vec<Bytes>, PayloadError> {
    items.map(|item| item?.bytes(allowance)).collect()
}

/// Servers skip empty nodes of a list, which some old versions wrote.
fn ziplists(reader: &mut BodyReader) -> Result<Vec<Bytes>, PayloadError> {
    let mut elements = Vec::new();
    for _ in 0..reader.length()? {
        elements.extend(reader.blob(|blob, allowance| texts(Ziplist::open(blob)?, allowance))?);
    }
    Ok(elements)
}

fn listpacks(reader: &mut BodyReader) -> Result<Vec<Bytes>, PayloadError> {
    let mut elements = Vec::new();
    for _ in 0..reader.length()? {
        match reader.length()? {
            form::NODE_PLAIN => elements.push(reader.element()?),
            form::NODE_PACKED => {
                elements.extend(reader.blob(|blob, allowance| texts(Listpack::open(blob)?, allowance))?);
            }
            _ => return Err(PayloadError::Format),
        }
    }
    Ok(elements)
}

fn fields(
    reader: &mut BodyReader,
    mut expiry: impl FnMut(&mut BodyReader) -> Result<Option<u64>, PayloadError>,
) -> Result<Vec<HashField>, PayloadError> {
    let mut fields = Vec::new();
    for _ in 0..reader.length()? {
        fields.push((reader.element()?, reader.element()?, expiry(reader)?));
    }
    Ok(fields)
}

fn expiry(reader: &mut BodyReader) -> Result<Option<u64>, PayloadError> {
    match i64::from_le_bytes(reader.array()?) {
        form::NO_EXPIRY => Ok(None),
        expiry => u64::try_from(expiry).map(Some).map_err(|_| PayloadError::Format),
    }
}

fn zipmap_fields(blob: &[u8], allowance: &mut Allowance) -> Result<Vec<HashField>, PayloadError> {
    let mut text = |text| Item::Text(text).bytes(allowance);
    Zipmap::open(blob)?
        .map(|pair| {
            let (field, value) = pair?;
            Ok((text(field)?, text(value)?, None))
        })
        .collect()
}

fn packed_fields<'a>(
    items: impl Iterator<Item = Result<Item<'a>, PayloadError>>,
    allowance: &mut Allowance,
) -> Result<Vec<HashField>, PayloadError> {
    pairs(items)
        .map(|pair| {
            let (field, value) = pair?;
            Ok((field.bytes(allowance)?, value.bytes(allowance)?, None))
        })
        .collect()
}

fn members(
    reader: &mut BodyReader,
    score: impl Fn(&mut BodyReader) -> Result<f64, PayloadError>,
) -> Result<Vec<Member>, PayloadError> {
    let mut members = Vec::new();
    for _ in 0..reader.length()? {
        members.push((reader.element()?, score(reader)?));
    }
    Ok(members)
}

fn text_score(reader: &mut BodyReader) -> Result<f64, PayloadError> {
    match reader.byte()? {
        SCORE_NAN => Err(PayloadError::Format),
        SCORE_INFINITE => Ok(f64::INFINITY),
        SCORE_MINUS_INFINITE => Ok(f64::NEG_INFINITY),
        length => packed::score(reader.take(length.into())?),
    }
}

fn packed_members<'a>(
    items: impl Iterator<Item = Result<Item<'a>, PayloadError>>,
    allowance: &mut Allowance,
) -> Result<Vec<Member>, PayloadError> {
    pairs(items)
        .map(|pair| {
            let (member, score) = pair?;
            Ok((member.bytes(allowance)?, score.score()?))
        })
        .collect()
}
