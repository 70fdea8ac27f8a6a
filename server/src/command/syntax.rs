//! The arguments in `COMMAND DOCS`, made from the syntax in the table. redis-cli shows them while somebody types a command.
//!
//! | syntax | argument |
//! |---|---|
//! | `key` | a word that the client chooses |
//! | `NX` | a token: a word that stands for itself |
//! | `EX seconds` | an argument after its token |
//! | `[…]`, `<… \| …>` | an optional argument, a choice |
//! | `field value [field value ...]` | arguments that come once or more often |

use crate::resp::Reply;

/// An argument, or several that belong together.
#[derive(Debug)]
struct Argument {
    /// Where it stands in the syntax.
    text: String,
    token: Option<&'static str>,
    kind: ArgumentKind,
    optional: bool,
    /// It can come more than once, each time with its token if that is in front of all of it.
    multiple: bool,
    token_again: bool,
}

#[derive(Debug)]
enum ArgumentKind {
    /// A word, by its name.
    Word(&'static str),
    /// Nothing behind the token.
    Nothing,
    /// All of them.
    Block(Vec<Argument>),
    /// One of them.
    OneOf(Vec<Argument>),
}

const DOTS: &str = "...";

/// The arguments of a command with this syntax.
pub fn arguments(syntax: &'static str) -> Vec<Reply> {
    parse(syntax).iter().map(Argument::document).collect()
}

fn parse(syntax: &'static str) -> Vec<Argument> {
    let mut parser = SyntaxParser { words: words(syntax), at: 0, outer_repeats: false };
    let mut alternatives = parser.alternatives();
    alternatives.pop().unwrap_or_default()
}

/// The words and brackets of a syntax.
fn words(syntax: &'static str) -> Vec<&'static str> {
    let mut words = Vec::new();
    for mut word in syntax.split_whitespace() {
        while word.len() > 1 && word.starts_with(['[', '<']) {
            let (bracket, rest) = word.split_at(1);
            words.push(bracket);
            word = rest;
        }
        let inner = word.trim_end_matches([']', '>']);
        let (inner, closing) = if inner.is_empty() { ("", word) } else { word.split_at(inner.len()) };
        words.extend([inner].into_iter().filter(|inner| !inner.is_empty()));
        words.extend((0..closing.len()).map(|at| &closing[at..=at]));
    }
    words
}

struct SyntaxParser {
    words: Vec<&'static str>,
    at: usize,
    /// A repetition of all that the present brackets contain has been read.
    outer_repeats: bool,
}

impl SyntaxParser {
    /// Reads up to a closing bracket or the end.
    fn alternatives(&mut self) -> Vec<Vec<Argument>> {
        let mut alternatives = vec![Vec::new()];
        while let Some(&word) = self.words.get(self.at) {
            self.at += 1;
            let sequence = alternatives.last_mut().expect("there is one from the start");
            match word {
                "]" | ">" => break,
                "[" | "<" => self.brackets(word == "[", sequence),
                "|" => alternatives.push(Vec::new()),
                DOTS => {}
                _ => sequence.push(Argument::word(word)),
            }
        }
        alternatives.into_iter().map(gather).collect()
    }

    /// Reads brackets. They are an argument of their own, or say that the arguments before them can come again.
    fn brackets(&mut self, optional: bool, sequence: &mut Vec<Argument>) {
        let begin = self.at;
        let alternatives = self.alternatives();
        let content = &self.words[begin..self.at - 1];
        if let [repeated @ .., DOTS] = content {
            let from = (0..sequence.len()).find(|from| text_of(&sequence[*from..]) == repeated.join(" "));
            match from {
                Some(from) => {
                    let again = Argument::all(gather(sequence.split_off(from)));
                    sequence.push(Argument { multiple: true, token_again: again.token.is_some(), ..again });
                }
                // Within brackets whose content has alternatives, all of it can come again.
                None => self.outer_repeats = true,
            }
            return;
        }
        let mut arguments: Vec<Argument> = alternatives.into_iter().map(Argument::all).collect();
        let single = if arguments.len() == 1 { arguments.pop() } else { None };
        let argument = single.unwrap_or_else(|| Argument::of(ArgumentKind::OneOf(arguments)));
        let (open, close) = if optional { ("[", "]") } else { ("<", ">") };
        let text = [open, &content.join(" "), close].join(" ");
        let repeats = std::mem::take(&mut self.outer_repeats);
        // An optional argument within brackets of its own stays apart: both may be missing.
        let argument =
            if optional && argument.optional { Argument::of(ArgumentKind::Block(vec![argument])) } else { argument };
        sequence.push(Argument { text, optional, multiple: argument.multiple | repeats, ..argument });
    }
}

fn text_of(arguments: &[Argument]) -> String {
    arguments.iter().map(|argument| argument.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Puts a token and what follows it together.
fn gather(mut sequence: Vec<Argument>) -> Vec<Argument> {
    let is_token = |argument: &Argument| matches!(argument.kind, ArgumentKind::Nothing) && !argument.optional;
    let Some(at) = sequence.iter().position(is_token).filter(|at| at + 1 < sequence.len()) else { return sequence };
    let text = text_of(&sequence[at..]);
    let rest = sequence.split_off(at + 1);
    let token = sequence.pop().and_then(|argument| argument.token);
    let behind = match Argument::all(rest) {
        plain if plain.token.is_none() && !plain.optional => plain,
        other => Argument::of(ArgumentKind::Block(vec![other])),
    };
    sequence.push(Argument { text, token, ..behind });
    sequence
}

impl Argument {
    fn of(kind: ArgumentKind) -> Argument {
        Argument { text: String::new(), token: None, kind, optional: false, multiple: false, token_again: false }
    }

    fn word(word: &'static str) -> Argument {
        let is_token = word.starts_with(|first: char| first.is_ascii_uppercase());
        let (token, kind) =
            if is_token { (Some(word), ArgumentKind::Nothing) } else { (None, ArgumentKind::Word(word)) };
        Argument { text: word.to_owned(), token, ..Argument::of(kind) }
    }

    /// All of a sequence as one argument.
    fn all(mut sequence: Vec<Argument>) -> Argument {
        match sequence.pop() {
            Some(only) if sequence.is_empty() => only,
            last => {
                sequence.extend(last);
                Argument { text: text_of(&sequence), ..Argument::of(ArgumentKind::Block(sequence)) }
            }
        }
    }

    fn name(&self) -> String {
        match (&self.kind, self.token) {
            (ArgumentKind::Word(name), _) => (*name).to_owned(),
            (ArgumentKind::Block(parts) | ArgumentKind::OneOf(parts), None) => {
                parts.first().map(Argument::name).unwrap_or_default()
            }
            (ArgumentKind::Block(_) | ArgumentKind::OneOf(_) | ArgumentKind::Nothing, token) => {
                token.unwrap_or_default().to_ascii_lowercase()
            }
        }
    }

    fn type_name(&self) -> &'static str {
        match self.kind {
            ArgumentKind::Nothing => "pure-token",
            ArgumentKind::Block(_) => "block",
            ArgumentKind::OneOf(_) => "oneof",
            ArgumentKind::Word(name) => type_of(name),
        }
    }

    fn document(&self) -> Reply {
        let name = self.name();
        let mut fields = vec![("name", Reply::bulk(name.clone())), ("type", Reply::text(self.type_name()))];
        if let ArgumentKind::Word(_) | ArgumentKind::Nothing = self.kind {
            fields.push(("display_text", Reply::bulk(name)));
        }
        fields.extend(self.token.map(|token| ("token", Reply::text(token))));
        let flags = [(self.optional, "optional"), (self.multiple, "multiple"), (self.token_again, "multiple_token")];
        let flags: Vec<_> = flags.into_iter().filter(|(is, _)| *is).map(|(_, name)| Reply::status(name)).collect();
        if !flags.is_empty() {
            fields.push(("flags", Reply::Set(flags)));
        }
        if let ArgumentKind::Block(parts) | ArgumentKind::OneOf(parts) = &self.kind {
            fields.push(("arguments", Reply::Array(parts.iter().map(Argument::document).collect())));
        }
        Reply::Map(fields.into_iter().map(|(name, value)| (Reply::text(name), value)).collect())
    }
}

/// The type of a word, by its name. Clients only show it.
fn type_of(name: &str) -> &'static str {
    match name {
        "key" | "key1" | "key2" | "newkey" | "source" | "sourcekey" | "destination" | "destkey" | "dst" | "src" => {
            "key"
        }
        "pattern" => "pattern",
        "unix-time-seconds" | "unix-time-milliseconds" => "unix-time",
        "seconds" | "milliseconds" | "count" | "numkeys" | "numfields" | "index" | "index1" | "index2" | "offset"
        | "start" | "stop" | "end" | "bit" | "decrement" | "limit" | "rank" | "len" | "db" | "destination-db" => {
            "integer"
        }
        "score" | "weight" | "longitude" | "latitude" | "radius" | "width" | "height" => "double",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::commands;

    /// The syntax of an argument, as redis-cli shows it.
    fn shown(argument: &Argument) -> String {
        let joined = |parts: &[Argument], between: &str| parts.iter().map(shown).collect::<Vec<_>>().join(between);
        let content = match &argument.kind {
            ArgumentKind::Word(name) => (*name).to_owned(),
            ArgumentKind::Nothing => String::new(),
            ArgumentKind::Block(parts) => joined(parts, " "),
            ArgumentKind::OneOf(parts) if argument.optional && argument.token.is_none() => joined(parts, " | "),
            ArgumentKind::OneOf(parts) => format!("<{}>", joined(parts, " | ")),
        };
        let with_token = [argument.token.unwrap_or_default(), &content].join(" ").trim().to_owned();
        let again = if argument.token_again { &with_token } else { &content };
        let whole = if argument.multiple { format!("{with_token} [{again} ...]") } else { with_token };
        if argument.optional { format!("[{whole}]") } else { whole }
    }

    #[test]
    fn the_arguments_of_every_command_say_its_syntax() {
        for spec in commands().all() {
            let parsed = parse(spec.syntax);
            let shown = parsed.iter().map(shown).collect::<Vec<_>>().join(" ");
            assert_eq!(shown, spec.syntax, "{}: {parsed:#?}", spec.name);
        }
    }

    #[test]
    fn tokens_choices_and_repetitions_are_told_apart() {
        let [key, condition, scores] = &parse("key [NX | XX] score member [score member ...]")[..] else { panic!() };
        assert_eq!((key.type_name(), key.optional), ("key", false));
        assert_eq!((condition.type_name(), condition.optional), ("oneof", true));
        assert_eq!((scores.type_name(), scores.multiple, scores.token_again), ("block", true, false));
        let [get] = &parse("[GET pattern [GET pattern ...]]")[..] else { panic!() };
        assert_eq!((get.token, get.type_name()), (Some("GET"), "pattern"));
        assert!(get.optional && get.multiple && get.token_again);
    }
}
