//! Writes scripts: a few calls with loops and conditions around them, and a value to return.
//!
//! A script fails now and then, in the middle as well, since what it did before has to stay. It never depends on the time, on
//! chance, or on the order of members, so its replies can be compared byte for byte. It raises no table without the field
//! `err`, which crashes Valkey 8.0.

use fastrand::Rng;

/// The keys and arguments that scripts look at. A call gives no more, and sometimes fewer.
const NAMED: usize = 3;

/// Whole scripts, each for a trait of its own.
const CORPUS: &[&str] = &[
    "return 1",
    "return {1, 2, nil, 4}",
    "return {KEYS, ARGV}",
    "return {'a', {'b', {'c', 3.99}}, true, false}",
    "return {ok = 'fine'}",
    "return {err = 'ERR mine'}",
    "return {err = 'mine'}",
    "return redis.status_reply(ARGV[1] or 'FINE')",
    "return redis.error_reply('MY error')",
    "return redis.error_reply('-MY error')",
    "return redis.error_reply('mine')",
    "error('thrown')",
    "error({err = 'ERR thrown'})",
    "return nothing",
    "nothing = 1",
    "local t = {} return t.a.b",
    "return 1 +",
    "return",
    "",
    "return #ARGV + #KEYS * 10",
    "return tostring(1/3) .. ' ' .. tostring(2^53) .. ' ' .. tostring(1e20)",
    "return 1e20",
    "return -3.7",
    "return 0/0 ~= 0/0",
    "return redis.sha1hex(ARGV[1] or '')",
    "return cjson.encode({1, 2, {a = 'b'}, 1.5, false})",
    "return cjson.encode(cjson.decode('{\"a\":[1,null,\"x\\\\u00e9\"],\"b\":{}}').a)",
    "return cjson.decode('[1')",
    "return cjson.encode({[1] = 1, [3] = 3})",
    "return cmsgpack.unpack(cmsgpack.pack({1, 'two', {3}}))",
    "return cmsgpack.pack({1, -1, 300, 'x', true, 1.5})",
    "return {struct.unpack('>I2<i4s', struct.pack('>I2<i4s', 258, -7, 'text'))}",
    "return {struct.size('>I2i4'), struct.pack('<d', 0.5)}",
    "return {bit.band(255, 15), bit.bxor(5, 3), bit.tohex(255, 4), bit.lshift(1, 31)}",
    "redis.setresp(3) return redis.call('ZSCORE', KEYS[1] or 'z0', 'm1')",
    "redis.setresp(3) return {double = 3.25}",
    "redis.setresp(3) return {map = {a = 1}}",
    "redis.setresp(3) return {set = {a = true}}",
    "redis.setresp(3) return {big_number = '123456789012345678901'}",
    "redis.setresp(3) return {verbatim_string = {string = 'text', format = 'txt'}}",
    "redis.setresp(3) return {true, false, redis.call('GET', 'nothing')}",
    "redis.setresp(2) return {double = 3.25}",
    "redis.setresp(4) return 1",
    "return {double = 3.25}",
    "return {map = {a = 1}}",
    "#!lua\nreturn redis.call('SET', KEYS[1], 'from a script with a first line')",
    "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1] or 's0')",
    "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1] or 's0', 'v')",
    "#!lua flags=allow-cross-slot-keys,no-writes\nreturn #KEYS",
    "#!lua flags=nosuch\nreturn 1",
    "#!lua name=x\nreturn 1",
    "#!nosuch\nreturn 1",
    "return redis.call()",
    "return redis.call({})",
    "return redis.call('GET')",
    "return redis.call('NOSUCH', 'x')",
    "return redis.call('MULTI')",
    "return redis.call('WATCH', 'x')",
    "return redis.call('EVAL', 'return 1', 0)",
    "return redis.pcall('NOSUCH').err",
    "local ok, error = pcall(redis.call, 'GET') return {ok, type(error), error.err or error}",
    "redis.call('SELECT', 1) return redis.call('GET', 's0')",
    "return {redis.call('PING'), redis.call('ECHO', 'x')}",
    "return redis.call('SET', 's0', 12.5)",
    "return redis.call('SET', 's0', 1e15)",
    "return string.rep('x', 5000)",
    "local t = {} for i = 1, 200 do t[i] = i end return t",
    "local t = {} for i = 1, 300 do t[i] = 'm' .. i end return redis.call('RPUSH', KEYS[1] or 'l0', unpack(t))",
    "for i = 1, 40 do redis.call('HSET', KEYS[1] or 'h0', 'f' .. i, i) end return redis.call('HLEN', KEYS[1] or 'h0')",
    "redis.call('SET', KEYS[1], 'before') error('after')",
    "redis.call('SET', KEYS[1], 'before') return redis.call('LPUSH', KEYS[1], 'x')",
    "return redis.call('SET', KEYS[1], 'x', 'EX', 1000) and redis.call('PERSIST', KEYS[1])",
    "return loadstring('return 1 + 1')()",
    "return {type(redis), type(KEYS), type(string), type(os), type(io), type(require), type(print)}",
    "return _VERSION",
    "return {redis.LOG_WARNING, redis.REPL_ALL}",
    "redis.log(redis.LOG_DEBUG, 'x') return redis.replicate_commands()",
    "return redis.set_repl(redis.REPL_ALL)",
    "redis.nothing()",
    "redis.call = 1",
    "string.x = 1 return string.x",
    "return table.concat(ARGV, ',')",
    "table.sort(ARGV) return ARGV",
    "return {string.format('%5.2f|%d|%s|%q', 1.5, 3, 'x', 'a\\nb'), ('x'):upper(), ('abc'):sub(-2)}",
    "return tonumber(ARGV[1])",
    "return math.floor(-1.5) + math.max(1, 7)",
    "goto x",
];

/// The calls of a generated script. `$k` is a key, `$a` an argument, `$n` a number.
const CALLS: &[&str] = &[
    "'SET', $k, $a",
    "'SET', $k, $a, 'NX', 'GET'",
    "'GET', $k",
    "'APPEND', $k, $a",
    "'STRLEN', $k",
    "'INCRBY', $k, $n",
    "'INCRBYFLOAT', $k, $n",
    "'DEL', $k",
    "'EXISTS', $k, $k",
    "'TYPE', $k",
    "'RENAME', $k, $k",
    "'COPY', $k, $k, 'REPLACE'",
    "'PERSIST', $k",
    "'EXPIRE', $k, 1000",
    "'EXPIRETIME', 'nothing'",
    "'MGET', $k, $k",
    "'MSET', $k, $a, $k, $a",
    "'SETRANGE', $k, $n, $a",
    "'RPUSH', $k, $a, $a",
    "'LPOP', $k",
    "'LLEN', $k",
    "'LRANGE', $k, 0, -1",
    "'LMOVE', $k, $k, 'LEFT', 'RIGHT'",
    "'HSET', $k, $a, $a",
    "'HGET', $k, $a",
    "'HMGET', $k, $a, $a",
    "'HINCRBY', $k, $a, $n",
    "'HDEL', $k, $a",
    "'SADD', $k, $a, $a",
    "'SISMEMBER', $k, $a",
    "'SREM', $k, $a",
    "'SCARD', $k",
    "'ZADD', $k, $n, $a",
    "'ZADD', $k, 'INCR', $n, $a",
    "'ZSCORE', $k, $a",
    "'ZRANGE', $k, 0, -1, 'WITHSCORES'",
    "'ZPOPMIN', $k",
    "'ZRANK', $k, $a",
    "'PFADD', $k, $a",
    "'SETBIT', $k, $n, 1",
    "'BITCOUNT', $k",
    "'GEOADD', $k, $n, $n, $a",
    "'GEOPOS', $k, $a",
    "'SORT', $k, 'ALPHA'",
    "'DBSIZE'",
    "'SELECT', $n",
    "'NOSUCH', $k",
    "'GET'",
    "'SET', $k, $a, 'XY'",
];

/// What a generated script returns. `r` is the last reply.
const RETURNS: &[&str] = &[
    "return r",
    "return r",
    "return r",
    "return {r, r}",
    "return type(r)",
    "return tostring(type(r) == 'table' and #r or r)",
    "return type(r) == 'table' and (r.err or r.ok or r[1]) or r",
    "return cjson.encode(r)",
    "return {ARGV[1], r, KEYS[1], 7}",
    "if r then return 1 else return 0 end",
    "",
    "error(type(r) == 'table' and (r.err or 'a table') or tostring(r))",
    "return redis.sha1hex(tostring(r == nil))",
];

/// Draws a script.
pub fn draw(rng: &mut Rng) -> String {
    if rng.u32(0..3) == 0 {
        return CORPUS[rng.usize(..CORPUS.len())].to_owned();
    }
    let mut text = match rng.u32(0..30) {
        0 => "#!lua\n",
        1 => "#!lua flags=no-writes\n",
        2 => "redis.setresp(3) ",
        _ => "",
    }
    .to_owned();
    text.push_str("local r");
    for _ in 0..rng.usize(1..5) {
        text.push(' ');
        text.push_str(&statement(rng));
    }
    text.push(' ');
    text.push_str(RETURNS[rng.usize(..RETURNS.len())]);
    text
}

/// Libraries with a mistake.
const BROKEN: &[&str] = &[
    "",
    "return 1",
    "#!lua",
    "#!lua name=l0",
    "#!lua name=l0\n",
    "#!lua name=l0\nreturn =",
    "#!lua name=l0 other=1\nserver.register_function('f0', print)",
    "#!lua name=l!0\nredis.register_function('f0', print)",
    "#!js name=l0\nredis.register_function('f0', print)",
    "#!lua name=l0 name=l1\nredis.register_function('f0', print)",
    "#!lua name=l0\nredis.register_function('f0')",
    "#!lua name=l0\nredis.register_function('f 0', function() return 1 end)",
    "#!lua name=l0\nredis.register_function('f0', 1)",
    "#!lua name=l0\nredis.register_function{function_name='f0', callback=function() end, flags={'none'}}",
    "#!lua name=l0\nredis.register_function('f0', function() end)\nredis.register_function('f0', function() end)",
    "#!lua name=l0\nredis.call('PING')",
    "#!lua name=l0\nlocal t = KEYS",
];

/// What functions do.
const BODIES: &[&str] = &[
    "return 1",
    "return {keys, args}",
    "return #keys * 10 + #args",
    "return redis.call('SET', keys[1] or 's0', args[1] or 'x')",
    "return redis.call('INCR', keys[1])",
    "return redis.call('GET', keys[1])",
    "return redis.call('LRANGE', keys[1], 0, -1)",
    "return redis.pcall('LPUSH', keys[1], args[1])",
    "return redis.error_reply('MY error')",
    "error('thrown')",
    "error({err='ERR thrown'})",
    "redis.setresp(3) return {map={a=1}}",
    "redis.setresp(3) return redis.call('GET', 'nothing')",
    "return helper(args[1])",
    "return KEYS",
    "return redis.call('DEL', 's1') + redis.call('EXISTS', 's0')",
];

/// Draws a library: a helper, and up to three functions.
pub fn library(rng: &mut Rng) -> String {
    if rng.u32(0..12) == 0 {
        return BROKEN[rng.usize(..BROKEN.len())].to_owned();
    }
    let helper = "local function helper(word) return (word or 'none') .. '!' end";
    let mut text = format!("#!lua name=l{}\n{helper}\n", rng.u32(..3));
    for _ in 0..rng.usize(1..4) {
        let (name, body) = (rng.u32(..6), BODIES[rng.usize(..BODIES.len())]);
        let flags = ["", "'no-writes'", "'no-writes', 'allow-oom'", "'allow-stale'"][rng.usize(..4)];
        text.push_str(&match rng.bool() {
            true => format!("redis.register_function('f{name}', function(keys, args) {body} end)\n"),
            false => format!(
                "redis.register_function{{function_name='f{name}', description='about f{name}', flags={{{flags}}}, \
                 callback=function(keys, args) {body} end}}\n"
            ),
        });
    }
    text
}

fn statement(rng: &mut Rng) -> String {
    let call = call(rng);
    match rng.u32(0..12) {
        0 => format!("for i = 1, 3 do r = {call} end"),
        1 => format!("if not r then r = {call} end"),
        2 => format!("if type(r) == 'number' and r > 0 then r = {call} else r = 'none' end"),
        3 => format!("local ok, e = pcall(function() return {call} end) r = ok and e or 'failed'"),
        _ => format!("r = {call}"),
    }
}

fn call(rng: &mut Rng) -> String {
    let function = ["redis.call", "redis.call", "redis.pcall"][rng.usize(..3)];
    let words = CALLS[rng.usize(..CALLS.len())];
    let mut filled = String::new();
    let mut rest = words;
    while let Some(at) = rest.find('$') {
        filled.push_str(&rest[..at]);
        filled.push_str(&match rest.as_bytes()[at + 1] {
            b'k' => format!("KEYS[{}]", rng.usize(1..=NAMED)),
            b'a' => argument(rng),
            _ => rng.i32(-2..9).to_string(),
        });
        rest = &rest[at + 2..];
    }
    format!("{function}({filled}{rest})")
}

fn argument(rng: &mut Rng) -> String {
    match rng.u32(0..4) {
        0 => format!("'m{}'", rng.u32(0..6)),
        1 => rng.u32(0..20).to_string(),
        _ => format!("ARGV[{}]", rng.usize(1..=NAMED)),
    }
}
