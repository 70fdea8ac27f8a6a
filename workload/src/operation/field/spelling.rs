//! How the commands about lives of fields are written.

use super::super::life::{Life, Limit};
use super::super::string::Condition;
use super::FieldCommand;
use crate::word::Word;

/// The word before the number of fields.
const FIELDS: &str = "FIELDS";

/// How the commands are written.
impl FieldCommand {
    pub(in super::super) fn name(&self) -> &'static str {
        match self {
            FieldCommand::Expire { life, .. } => match life {
                Life::Seconds(_) | Life::Kept | Life::Lifted => "HEXPIRE", // it has a time
                Life::Milliseconds(_) => "HPEXPIRE",
                Life::Until(_) => "HEXPIREAT",
                Life::UntilMillisecond(_) => "HPEXPIREAT",
            },
            FieldCommand::Persist(..) => "HPERSIST",
            FieldCommand::Ttl(..) => "HTTL",
            FieldCommand::PTtl(..) => "HPTTL",
            FieldCommand::GetEx(..) => "HGETEX",
            FieldCommand::SetEx { .. } => "HSETEX",
            FieldCommand::GetDel(..) => "HGETDEL",
        }
    }

    pub(in super::super) fn arguments(self) -> Vec<Word> {
        let (number, key) = (self.fields().len(), self.key().clone());
        let (options, fields) = match self {
            FieldCommand::Expire { life, limit, fields, .. } => {
                // The name of the command says what EX, PX, EXAT or PXAT says elsewhere.
                let time = life.words(Life::Kept).into_iter().skip(1);
                (time.chain(limit.map(|limit| Word::from(limit.word()))).collect(), fields)
            }
            FieldCommand::Persist(_, fields)
            | FieldCommand::Ttl(_, fields)
            | FieldCommand::PTtl(_, fields)
            | FieldCommand::GetDel(_, fields) => (Vec::new(), fields),
            FieldCommand::GetEx(_, life, fields) => (life.words(Life::Kept), fields),
            FieldCommand::SetEx { condition, life, pairs, .. } => {
                let condition = condition.map(|condition| match condition {
                    Condition::Absent => Word::from("FNX"),
                    Condition::Present => Word::from("FXX"),
                });
                let options = condition.into_iter().chain(life.words(Life::Lifted)).collect();
                (options, pairs.into_iter().flat_map(|(field, value)| [field, value]).collect())
            }
        };
        let counted = [Word::from(FIELDS), Word::from(number.to_string())];
        [key].into_iter().chain(options).chain(counted).chain(fields).collect()
    }

    pub(in super::super) fn parse(name: &str, arguments: &[Word]) -> Option<FieldCommand> {
        let (key, rest) = arguments.split_first()?;
        let is_fields = |word: &Word| word.to_upper_case().as_deref() == Some(FIELDS);
        let (options, rest) = rest.split_at(rest.iter().position(is_fields)?);
        let [_, number, named @ ..] = rest else { return None };
        let stride = if name == "HSETEX" { 2 } else { 1 };
        let counted = usize::try_from(number.to_integer()?).ok()?.checked_mul(stride)? == named.len();
        (counted && !named.is_empty()).then_some(())?;
        let (key, fields) = (key.clone(), named.to_vec());
        match (name, options) {
            ("HEXPIRE" | "HPEXPIRE" | "HEXPIREAT" | "HPEXPIREAT", [time, limit @ ..]) => {
                let limit = match limit {
                    [] => None,
                    [limit] => Some(Limit::parse(limit)?),
                    _ => return None,
                };
                Some(FieldCommand::Expire { key, life: life_of(name, time)?, limit, fields })
            }
            ("HPERSIST", []) => Some(FieldCommand::Persist(key, fields)),
            ("HTTL", []) => Some(FieldCommand::Ttl(key, fields)),
            ("HPTTL", []) => Some(FieldCommand::PTtl(key, fields)),
            ("HGETDEL", []) => Some(FieldCommand::GetDel(key, fields)),
            ("HGETEX", options) => Some(FieldCommand::GetEx(key, parse_life(options, Life::Kept)?, fields)),
            ("HSETEX", options) => {
                let (condition, options) =
                    match options.split_first().map(|(option, rest)| (option.to_upper_case(), rest)) {
                        Some((Some(option), rest)) if option == "FNX" => (Some(Condition::Absent), rest),
                        Some((Some(option), rest)) if option == "FXX" => (Some(Condition::Present), rest),
                        _ => (None, options),
                    };
                let life = parse_life(options, Life::Lifted)?;
                let pairs = named.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
                Some(FieldCommand::SetEx { key, condition, life, pairs })
            }
            _ => None,
        }
    }
}

/// The life that an HEXPIRE of this name gives. Zero is over at once.
fn life_of(name: &str, time: &Word) -> Option<Life> {
    match (name, time.to_integer()?) {
        ("HEXPIRE", seconds @ 0..) => Some(Life::Seconds(seconds)),
        ("HPEXPIRE", milliseconds @ 0..) => Some(Life::Milliseconds(milliseconds)),
        ("HEXPIREAT", _) => Life::timed("EXAT", time),
        ("HPEXPIREAT", _) => Life::timed("PXAT", time),
        _ => None,
    }
}

/// The life that the options of HGETEX or HSETEX give. `unsaid` is that without any.
fn parse_life(options: &[Word], unsaid: Life) -> Option<Life> {
    match options {
        [] => Some(unsaid),
        [option] => match (option.to_upper_case()?.as_str(), unsaid) {
            ("PERSIST", Life::Kept) => Some(Life::Lifted),
            ("KEEPTTL", Life::Lifted) => Some(Life::Kept),
            _ => None,
        },
        [option, time] => Life::timed(&option.to_upper_case()?, time),
        _ => None,
    }
}
