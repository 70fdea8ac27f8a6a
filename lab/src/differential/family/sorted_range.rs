//! Sorted sets: ranges by rank, by score, and by member.

use super::super::grammar::Kind::{Lex, Sorted};
use super::super::grammar::{
    Part, Rule, command, draw, ends, key, one_of, optional, options, reversed_ends, seq, target, word,
};
use super::super::pool::Pool::{Index, LexEnd, Offset, ScoreEnd};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let (ranks, scores, members) = (|| ends(Index), || ends(ScoreEnd), || ends(LexEnd));
    let with_scores = || optional(word("WITHSCORES"));
    vec![
        command("ZRANGE", [key(Sorted), ranks(), options([word("REV"), word("WITHSCORES")])]),
        command("ZRANGE", [any_range(), with_scores()]),
        command("ZRANGESTORE", [target(Sorted), any_range()]),
        command("ZREVRANGE", [key(Sorted), ranks(), with_scores()]),
        command("ZRANGEBYSCORE", [key(Sorted), scores(), options([word("WITHSCORES"), limit()])]),
        command("ZREVRANGEBYSCORE", [key(Sorted), reversed_ends(ScoreEnd), options([word("WITHSCORES"), limit()])]),
        command("ZRANGEBYLEX", [key(Lex), members(), optional(limit())]),
        command("ZREVRANGEBYLEX", [key(Lex), reversed_ends(LexEnd), optional(limit())]),
        command("ZCOUNT", [key(Sorted), scores()]),
        command("ZLEXCOUNT", [key(Lex), members()]),
        command("ZREMRANGEBYRANK", [key(Sorted), ranks()]),
        command("ZREMRANGEBYSCORE", [key(Sorted), scores()]),
        command("ZREMRANGEBYLEX", [key(Lex), members()]),
    ]
}

fn any_range() -> Part {
    one_of([
        seq([key(Sorted), ends(Index), options([word("REV"), limit()])]),
        seq([key(Sorted), ends(ScoreEnd), word("BYSCORE"), options([word("REV"), limit()])]),
        seq([key(Lex), ends(LexEnd), word("BYLEX"), options([word("REV"), limit()])]),
    ])
}

fn limit() -> Part {
    seq([word("LIMIT"), draw(Offset), draw(Index)])
}
