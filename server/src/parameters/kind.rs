//! The values that a parameter may have, and the errors for others, in the words of Valkey.

use std::borrow::Cow;

/// The values that a parameter may have.
#[derive(Clone, Copy, Debug)]
pub enum ParameterKind {
    /// `yes` or `no`.
    Switch,
    /// An integer within these bounds.
    Number(i64, i64),
    /// A size in bytes from this one on, with or without a unit.
    Size(u64),
    /// A size, or a percentage.
    Share,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Pairs of seconds and changes.
    Moments,
    /// The limits of each class of clients.
    Classes,
    /// The letters of events.
    Events,
    /// Numbers.
    Percentiles,
    /// Any text.
    Text,
}

/// The classes of clients that have limits, and their names in `CONFIG GET`.
const CLASSES: [(&str, &str); 4] =
    [("normal", "normal"), ("slave", "slave"), ("replica", "slave"), ("pubsub", "pubsub")];

/// The events of keys that the letter A stands for.
const KEY_EVENTS: &str = "g$lshzxetd";

impl ParameterKind {
    /// The form in which the server keeps a value, or why it is none.
    pub fn parse(self, value: &str, old: &str) -> Result<String, Cow<'static, str>> {
        match self {
            ParameterKind::Switch => match value.to_ascii_lowercase().as_str() {
                "yes" => Ok("yes".to_owned()),
                "no" => Ok("no".to_owned()),
                _ => Err("argument must be 'yes' or 'no'".into()),
            },
            ParameterKind::Number(least, most) => {
                let number: i64 =
                    value.parse().map_err(|_| Cow::from("argument couldn't be parsed into an integer"))?;
                if (least..=most).contains(&number) {
                    Ok(number.to_string())
                } else {
                    Err(format!("argument must be between {least} and {most} inclusive").into())
                }
            }
            ParameterKind::Size(least) => {
                let bytes = size(value).ok_or("argument must be a memory value")?;
                if bytes >= least {
                    Ok(bytes.to_string())
                } else {
                    Err(format!("argument must be between {least} and {} inclusive", u64::MAX).into())
                }
            }
            ParameterKind::Share => match value.strip_suffix('%') {
                Some(percent) => match percent.parse::<u64>() {
                    Ok(0..=100) => Ok(value.to_owned()),
                    Ok(_) => Err("percentage argument must be less or equal to 100".into()),
                    Err(_) => Err("argument must be a memory or percent value".into()),
                },
                None => size(value)
                    .map(|bytes| bytes.to_string())
                    .ok_or(Cow::from("argument must be a memory or percent value")),
            },
            ParameterKind::Word(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
                Some(word) => Ok((*word).to_owned()),
                None => Err(format!("argument(s) must be one of the following: {}", words.join(", ")).into()),
            },
            ParameterKind::Moments => {
                let numbers: Option<Vec<u64>> = value.split_whitespace().map(|word| word.parse().ok()).collect();
                match numbers {
                    Some(numbers) if numbers.len() % 2 == 0 && numbers.chunks(2).all(|pair| pair[0] > 0) => {
                        Ok(value.split_whitespace().collect::<Vec<_>>().join(" "))
                    }
                    _ => Err("Invalid save parameters".into()),
                }
            }
            ParameterKind::Classes => classes(value, old),
            ParameterKind::Events => {
                events(value).ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into())
            }
            ParameterKind::Percentiles => {
                let is_percentile =
                    |word: &str| word.parse::<f64>().is_ok_and(|number| (0.0..=100.0).contains(&number));
                if value.split_whitespace().all(is_percentile) {
                    Ok(value.split_whitespace().collect::<Vec<_>>().join(" "))
                } else {
                    Err("latency-tracking-info-percentiles should contain only numbers between 0.0 and 100.0".into())
                }
            }
            ParameterKind::Text => Ok(value.to_owned()),
        }
    }
}

/// The bytes of a size such as `100mb`. As in Valkey, `k` is 1000 and `kb` is 1024.
fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Classes that the value leaves out keep their limits.
fn classes(value: &str, old: &str) -> Result<String, Cow<'static, str>> {
    let words: Vec<&str> = value.split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut limits: Vec<String> = old.split_whitespace().map(str::to_owned).collect();
    for class in words.chunks(4) {
        let name = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(class[0]));
        let Some((_, name)) = name else {
            return Err("Invalid client class specified in buffer limit configuration.".into());
        };
        let (hard, soft, seconds) = (size(class[1]), size(class[2]), class[3].parse::<u64>().ok());
        let (Some(hard), Some(soft), Some(seconds)) = (hard, soft, seconds) else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        let new = [hard, soft, seconds].map(|number| number.to_string());
        if let Some(at) = limits.iter().position(|word| word == name) {
            limits.splice(at + 1..at + 4, new);
        }
    }
    Ok(limits.join(" "))
}

/// The letters in the order of Valkey.
fn events(value: &str) -> Option<String> {
    let all = value.contains('A');
    if !value.chars().all(|letter| letter == 'A' || "KEmn".contains(letter) || KEY_EVENTS.contains(letter)) {
        return None;
    }
    let has = |letter: &char| value.contains(*letter);
    let mut letters = String::new();
    if all || KEY_EVENTS.chars().all(|letter| has(&letter)) {
        letters.push('A');
    } else {
        letters.extend(KEY_EVENTS.chars().filter(has));
        letters.extend(['n'].into_iter().filter(has));
    }
    letters.extend(['K', 'E', 'm'].into_iter().filter(has));
    Some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: ParameterKind, value: &str) -> Result<String, String> {
        kind.parse(value, "normal 0 0 0 slave 1 2 3 pubsub 4 5 6").map_err(Cow::into_owned)
    }

    #[test]
    fn values_are_kept_in_one_form() {
        for (kind, value, kept) in [
            (ParameterKind::Switch, "YES", "yes"),
            (ParameterKind::Number(0, 9), "7", "7"),
            (ParameterKind::Size(0), "10mb", "10485760"),
            (ParameterKind::Size(0), "2k", "2000"),
            (ParameterKind::Share, "5%", "5%"),
            (ParameterKind::Word(&["a", "b"]), "B", "b"),
            (ParameterKind::Moments, "", ""),
            (ParameterKind::Moments, "900 1  60 10", "900 1 60 10"),
            (ParameterKind::Classes, "replica 1mb 2 3", "normal 0 0 0 slave 1048576 2 3 pubsub 4 5 6"),
            (ParameterKind::Events, "KEA", "AKE"),
            (ParameterKind::Events, "Elg", "glE"),
            (ParameterKind::Events, "g$lshzxetdK", "AK"),
        ] {
            assert_eq!(parsed(kind, value).as_deref(), Ok(kept), "{value}");
        }
    }

    #[test]
    fn other_values_are_refused_in_the_words_of_valkey() {
        for (kind, value, why) in [
            (ParameterKind::Switch, "maybe", "argument must be 'yes' or 'no'"),
            (ParameterKind::Number(0, 9), "x", "argument couldn't be parsed into an integer"),
            (ParameterKind::Number(0, 9), "10", "argument must be between 0 and 9 inclusive"),
            (ParameterKind::Size(0), "10x", "argument must be a memory value"),
            (ParameterKind::Share, "200%", "percentage argument must be less or equal to 100"),
            (ParameterKind::Word(&["a", "b"]), "c", "argument(s) must be one of the following: a, b"),
            (ParameterKind::Moments, "900", "Invalid save parameters"),
            (ParameterKind::Classes, "normal 1 2", "Wrong number of arguments in buffer limit configuration."),
            (ParameterKind::Events, "KQ", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ] {
            assert_eq!(parsed(kind, value), Err(why.to_owned()), "{value}");
        }
    }
}
