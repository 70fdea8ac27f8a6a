//! Scripts that try to escape the bounds, to crash the engine, or to leave something behind.

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::{Libraries, Memory, engine};
use valthree_script::resp::Reply;
use valthree_script::{Engine, Limits};

/// Tight bounds, so that runaway scripts end soon.
fn tight() -> Limits {
    Limits { instructions: 5_000_000, time: Duration::from_secs(3), memory: 32 << 20 }
}

fn eval(engine: &mut Engine, script: &str) -> Reply {
    engine.eval(script.as_bytes(), &[], &[], &tight(), &mut Memory::default())
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Error(text) | Reply::Bulk(text) | Reply::Simple(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

/// Runs scripts on one engine. All must end in time, and the engine must work after each.
fn survive(scripts: &[&str], expected: fn(&str) -> bool) {
    let mut engine = engine();
    for script in scripts {
        let reply = text(&eval(&mut engine, script));
        assert!(expected(&reply), "{script}: {reply}");
        assert_eq!(eval(&mut engine, "return 7"), Reply::Integer(7), "after {script}");
    }
}

fn stopped(reply: &str) -> bool {
    reply.starts_with("ERR Script stopped")
}

#[test]
fn no_script_outlives_its_bounds_by_catching_errors() {
    survive(
        &[
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "while true do xpcall(function() while true do end end, function() while true do end end) end",
            "local function f() local ok = pcall(f) return f() end f()",
            "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
            "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end",
            "while true do pcall(coroutine.wrap(function() while true do end end)) end",
            "repeat local t = setmetatable({}, {__index = function() while true do end end}) pcall(function() return t.x end) until false",
            "table.sort({1, 2, 3}, function() while true do end end)",
            "string.gsub('x', 'x', function() while true do end end)",
            "while true do pcall(string.gsub, 'x', 'x', function() error('x') end) end",
            "load(function() while true do end end)",
            "load(function() return 'x = 1 ' end)",
            "while true do redis.pcall('ping') end",
            "for i in function() return 1 end do end",
            "local t = {} while true do t[#t % 10 + 1] = function() end end",
        ],
        stopped,
    );
}

#[test]
fn patterns_are_bounded() {
    survive(
        &[
            "return ('a'):rep(100000):find(('.-'):rep(50) .. 'b')",
            "return ('a'):rep(100000):match(('a*'):rep(50) .. 'b')",
            "while true do pcall(string.find, ('a'):rep(100000), ('a-'):rep(50) .. 'b') end",
            "local s = ('a'):rep(1000000) while true do s:find('b', 1, true) end",
            "local s = ('ab'):rep(200000) return s:find(('ab'):rep(100000) .. 'c', 1, true)",
            "for w in ('a'):rep(100000):gmatch('(.-)(.-)(.-)(.-)b') do end",
            "return (('x'):rep(100000):gsub('.-.-.-y', ''))",
            "return ('('):rep(1000000):find('%b()()()()%b()')  or error('ERR Script stopped', 0)",
        ],
        |reply| stopped(reply) || reply.contains("Script stopped"),
    );
    survive(
        &[
            "return ('a'):rep(200000):find(('a?'):rep(200000))",
            "return ('a'):rep(100):find(('(a)'):rep(33))",
            "return ('x'):find(('('):rep(100000))",
            "return ('x'):find('%f')",
            "return ('x'):find('[')",
            "return ('x'):find('%')",
            "return ('x'):find('[%')",
            "return ('x'):find('%b')",
            "return ('x'):find('%1')",
            "return ('x'):gsub('x', '%9')",
        ],
        |reply| reply.starts_with("ERR user_script:1: "),
    );
}

#[test]
fn memory_is_bounded() {
    survive(
        &[
            "return ('x'):rep(1e9)",
            "while true do pcall(string.rep, 'x', 1e9) end",
            "local s = 'x' while true do s = s .. s end",
            "local s = 'x' while true do pcall(function() s = s .. s end) end",
            "local s = ('x'):rep(1e6) return s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s..s",
            "local t = {} while true do t[#t + 1] = {} end",
            "local t = {} local s = ('x'):rep(1e6) for i = 1, 1000 do t[i] = s end return table.concat(t)",
            "local t = {} for i = 1, 1e7 do t[i] = coroutine.create(function() end) end",
            "local t = {} for i = 1, 1e7 do t[i] = function() return i end end",
            "return (('x'):rep(100000):gsub('x', ('y'):rep(100000)))",
            "return (('x'):rep(100000):gsub('x', function() return ('y'):rep(100000) end))",
            "local s = ('x'):rep(1e7) local t = {} for i = 1, 100 do t[i] = s:reverse() .. i end",
            "local s = ('x'):rep(1e7) local t = {} for i = 1, 100 do t[i] = s:upper() .. i end",
            "return cjson.encode({('\\1'):rep(1e7)})",
            "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1e5) end return cjson.encode({t, t, t, t, t})",
            "return cmsgpack.pack({('x'):rep(1e7), ('x'):rep(1e7)}, ('y'):rep(1e7), ('z'):rep(1e7))",
            "return struct.pack('c0c0c0c0', ('x'):rep(1e7), ('x'):rep(1e7), ('x'):rep(1e7), ('x'):rep(1e7))",
            "local t = {} t[1] = t return cjson.encode(t) or error('ERR Script stopped', 0)",
            "return loadstring('return {' .. ('{},'):rep(1000000) .. '}')() and error('ERR Script stopped', 0)",
            "local t = {1} for i = 1, 25 do t = {t, t} end return t",
        ],
        |reply| stopped(reply) || reply.contains("excessive nesting"),
    );
}

#[test]
fn deep_recursion_is_an_error() {
    survive(
        &[
            "local function f() return 1 + f() end return f()",
            "local function f() return (pcall(f)) and f() end return tostring(f())",
            "local t = setmetatable({}, {}) getmetatable(t).__index = function(a, b) return a[b] end return t.x",
            "local function f() return (('a'):gsub('a', f)) end return f()",
            "local function f() table.sort({3, 2, 1}, f) end f()",
            "local function f() return coroutine.wrap(f)() end return f()",
            "local t = setmetatable({}, {}) getmetatable(t).__tostring = function(x) return tostring(x) end return tostring(t)",
            "local t = setmetatable({}, {}) getmetatable(t).__index = function(x, k) return (('a'):gsub('a', x)) end return t.a",
            "local function f() return loadstring('return ...')(f()) end return f()",
            "local function f() return load(function() return f() end) end return tostring(f())",
            "local function f() return xpcall(f, f) end return tostring(f())",
            "local t = setmetatable({}, {}) getmetatable(t).__call = t return t()",
            "local t = {} for i = 1, 1000000 do t = setmetatable({}, {__index = t}) end return t.x",
            "return tostring(loadstring('return ' .. ('('):rep(100000) .. '1' .. (')'):rep(100000)))",
            "return tostring(loadstring('return ' .. ('{'):rep(100000)))",
            "return tostring(loadstring(('return function() '):rep(100000)))",
            "return tostring(loadstring('return ' .. ('1 ..'):rep(100000) .. '1'))",
            "return tostring(loadstring('return ' .. ('- '):rep(100000) .. '1'))",
            "return tostring(loadstring(('if 1 then '):rep(100000)))",
            "return cjson.decode(('['):rep(100000))",
            "cjson.decode_max_depth(1e9) return cjson.decode(('['):rep(1000000))",
            "cjson.encode_max_depth(1e9) local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)",
            "return cmsgpack.unpack(('\\145'):rep(1000000))",
            "local t = {} for i = 1, 100000 do t = {t} end return cmsgpack.pack(t)",
            "local t = {} for i = 1, 100000 do t = {map = {x = t}} end return t",
            "local t = {} t[1] = t return t",
        ],
        |_| true,
    );
}

#[test]
fn a_small_stack_is_enough() {
    // The threads of most runtimes have two megabytes.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(deep_recursion_is_an_error).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_command_with_too_many_words_is_an_error() {
    survive(&["local t = {} for i = 1, 7999 do t[i] = i end return redis.call('rpush', 'l', unpack(t))"], |reply| {
        reply.starts_with("ERR a command in a script may have 7,990 words")
    });
    survive(&["local t = {} for i = 1, 7988 do t[i] = i end return redis.call('rpush', 'l', unpack(t))"], |reply| {
        reply == "Integer(7988)"
    });
}

#[test]
fn published_attacks_fail() {
    // CVE-2025-49844: a collection while the parser works.
    survive(
        &[
            "for i = 1, 2000 do loadstring('local a = \"' .. ('x'):rep(i) .. '\" return a', 'name' .. i)() end return 'fine'",
            "local t = {} for i = 1, 300 do collectgarbage('collect') t[i] = loadstring('return ' .. ('{' .. i .. '},'):rep(100):sub(1, -2), ('n'):rep(i)) end return 'fine'",
            "for i = 1, 200 do load(function() collectgarbage() end, 'x' .. i) end return 'fine'",
            // CVE-2025-46819: the lexer and long brackets.
            "return loadstring('return [' .. ('='):rep(1000000) .. '[') and 'compiled' or 'fine'",
            // CVE-2024-46981: a collection in the middle of a metamethod.
            "for i = 1, 1000 do setmetatable({}, {__gc = function() error('x') end, __mode = 'kv'}) end return 'fine'",
        ],
        |reply| reply == "fine",
    );
    // CVE-2025-46817: the number of results of unpack overflows.
    survive(
        &[
            "return {unpack({}, -2147483648, 2147483647)}",
            "return {unpack({1, 2, 3}, -2, 2147483647)}",
            "return {unpack({}, 0, 2147483647)}",
            "return {unpack({}, 1, 1e8)}",
        ],
        |reply| reply.contains("too many results to unpack"),
    );
    // CVE-2025-46818: the metatables of basic types.
    survive(
        &[
            "getmetatable('').__index = function() return 1 end",
            "getmetatable('').__add = function() return 1 end",
            "getmetatable('').__index.rep = nil",
            "setmetatable(getmetatable(''), {})",
            "rawset(getmetatable(''), '__index', {})",
            "table.insert(getmetatable(''), 1)",
            "string.rep = nil",
            "rawset(string, 'rep', 1)",
            "setmetatable(_G, {})",
            "rawset(_G, 'x', 1)",
            "getmetatable(_G).__index = nil",
            "for k, v in pairs(redis) do rawset(redis, k, nil) end",
            "math.random = nil",
            "next(pairs(redis)).x = 1",
        ],
        |reply| reply.contains("readonly table") || reply.contains("bad argument"),
    );
    // CVE-2024-31449: the width of bit.tohex overflows.
    survive(&["return bit.tohex(255, -2147483648)"], |reply| reply == "000000FF" || reply == "000000ff");
    // Bytecode.
    survive(
        &[
            "return tostring(loadstring('\\27Lua'))",
            "return tostring(loadstring('\\27LuaQ\\0\\1\\4\\8\\4\\8\\0'))",
            "local done return tostring(load(function() if not done then done = true return '\\27LuaQ' end end))",
            "return tostring((pcall(string.dump, function() end)) and 1 or nil)",
        ],
        |reply| reply == "nil",
    );
    // struct: sizes that overflow (CVE-2020-14147 and its kind).
    survive(
        &[
            "return struct.pack('>I2147483648', '10')",
            "return struct.pack('i4294967296', 1)",
            "return struct.unpack('c2147483647', 'x')",
            "return struct.unpack('bc0', '\\255x')",
            "return struct.unpack('b', 'x', 2147483647)",
            "return struct.unpack('b', 'x', -2147483648)",
        ],
        |reply| reply.starts_with("ERR"),
    );
    // cmsgpack: lengths that the input does not have (CVE-2018-11218 and its kind).
    survive(
        &[
            "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
            "return cmsgpack.unpack('\\223\\255\\255\\255\\255')",
            "return cmsgpack.unpack('\\219\\255\\255\\255\\255x')",
        ],
        |reply| reply.contains("Missing bytes"),
    );
}

#[test]
fn wrong_comparators_do_no_harm() {
    survive(
        &[
            "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() return true end)",
            "local t = {} for i = 1, 1000 do t[i] = i % 7 end table.sort(t, function(a, b) return a <= b end)",
            "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() return math.random() < 0.5 end)",
            "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function(a, b) t[a] = nil return a < b end)",
            "local t = {3, 2, 1} table.sort(t, function(a, b) for i = 1, 100 do t[i] = nil end return false end)",
            "table.sort({1, 'x', {}})",
        ],
        |_| true,
    );
}

#[test]
fn nothing_dangerous_is_reachable() {
    let mut engine = engine();
    for name in [
        "io", "package", "debug", "dofile", "loadfile", "require", "module", "newproxy", "getfenv", "setfenv", "print",
        "jit", "ffi",
    ] {
        let reply = text(&eval(&mut engine, &format!("return {name}")));
        assert!(reply.contains("nonexistent global variable"), "{name}: {reply}");
    }
    for name in ["os.execute", "os.exit", "os.getenv", "os.remove", "os.rename", "os.tmpname"] {
        assert_eq!(eval(&mut engine, &format!("return {name}")), Reply::Null, "{name}");
    }
}

#[test]
fn a_script_leaves_nothing_behind() {
    let mut engine = engine();
    let scripts = [
        "KEYS.x = 1 ARGV.x = 1 KEYS[1] = 'k'",
        "math.randomseed(42) math.random()",
        "redis.setresp(3)",
        "cjson.encode_invalid_numbers(true) cjson.encode_sparse_array(true) cjson.encode_max_depth(3)",
        "collectgarbage('stop')",
        "error('x')",
        "while true do end",
    ];
    let probe = "local ok = pcall(cjson.encode, 1/0) return {#KEYS, tostring(KEYS.x), math.random(1000), tostring(ok), \
                 tostring(redis.call('get', 'none'))}";
    let before = eval(&mut engine, probe);
    for script in scripts {
        eval(&mut engine, script);
        assert_eq!(eval(&mut engine, probe), before, "{script}");
    }
}

#[test]
fn the_clock_bounds_a_script_even_if_it_has_instructions_left() {
    let ticks = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let clock = move || Duration::from_millis(ticks.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let mut engine = Engine::new(std::sync::Arc::new(clock), support::identity());
    let limits = Limits { instructions: u64::MAX, time: Duration::from_millis(50), memory: 1 << 20 };
    let reply = engine.eval(b"while true do end", &[], &[], &limits, &mut Memory::default());
    assert_eq!(text(&reply), "ERR Script stopped: it took more time than allowed");
}

/// Loads a library of one function, and calls the function twice. The engine must work after that.
fn twice(engine: &mut Engine, body: &str) -> [String; 2] {
    let code = Bytes::from(format!("#!lua name=lib\n{body}"));
    let mut libraries = Libraries::default();
    let call = |engine: &mut Engine, libraries: &Libraries| {
        text(&libraries.call(engine, b"f", (&["key".into()], &["argument".into()]), &tight()))
    };
    let told = match libraries.load(engine, &code, false) {
        Ok(_) => [call(engine, &libraries), call(engine, &libraries)],
        Err(error) => [text(&error), text(&error)],
    };
    assert_eq!(eval(engine, "return 7"), Reply::Integer(7), "after {body}");
    told
}

#[test]
fn libraries_survive_an_interpreter_that_was_thrown_away() {
    let mut engine = engine();
    let mut libraries = Libraries::default();
    let code = Bytes::from_static(b"#!lua name=a\nredis.register_function('one', function() return 1 end)\nredis.register_function('forever', function() while true do end end)");
    libraries.load(&mut engine, &code, false).unwrap();
    let call = |engine: &mut Engine, name: &str| libraries.call(engine, name.as_bytes(), (&[], &[]), &tight());
    assert_eq!(call(&mut engine, "one"), Reply::Integer(1));
    assert!(stopped(&text(&call(&mut engine, "forever"))));
    assert_eq!(call(&mut engine, "one"), Reply::Integer(1));
}

#[test]
fn a_library_that_does_not_end_or_takes_too_much_is_not_loaded() {
    let mut engine = engine();
    let timeout = "ERR Error registering functions: ERR FUNCTION LOAD timeout";
    for body in [
        "while true do end",
        "local function f() return f() end f()",
        "local i = 0 while true do i = i + 1 redis.register_function('f' .. i, function() end) end",
        "local s = ('x'):rep(100000) local i = 0 while true do i = i + 1 redis.register_function(s .. i, function() end) end",
        "local s = ('x'):rep(100000) local i = 0 while true do i = i + 1 redis.register_function{function_name='f' .. i, description=s, callback=function() end} end",
        "redis.register_function('f', function() end) while true do redis.log(redis.LOG_DEBUG, 'x') end",
    ] {
        assert_eq!(twice(&mut engine, body)[0], timeout, "{body}");
    }
    for body in
        ["local s = ('x'):rep(1e6) while true do s = s .. s end", "local t = {} while true do t[#t + 1] = {} end"]
    {
        let told = &twice(&mut engine, body)[0];
        assert!(told.contains("more memory than allowed") || told == timeout, "{body}: {told}");
    }
}

#[test]
fn a_library_leaves_nothing_behind_for_the_next_call_or_another_library() {
    let mut engine = engine();
    // What it may keep while it runs is gone afterwards.
    for body in [
        "local n = 0 redis.register_function('f', function() n = n + 1 return n end)",
        "local t = {} redis.register_function('f', function() t[#t + 1] = 1 return #t end)",
        "local t = setmetatable({}, {__index = function(t, k) return 0 end}) redis.register_function('f', function() \
         t.n = t.n + 1 return t.n end)",
    ] {
        // Libraries have no `setmetatable` while they load.
        let told = twice(&mut engine, body);
        assert!(told == ["Integer(1)", "Integer(1)"] || told[0].contains("nonexistent global"), "{body}: {told:?}");
    }
    // What it may not touch at all.
    for body in [
        "x = 1 redis.register_function('f', function() end)",
        "redis.x = 1 redis.register_function('f', function() end)",
        "redis.register_function('f', function() y = 1 end)",
        "redis.register_function('f', function() _G.y = 1 end)",
        "redis.register_function('f', function() rawset(_G, 'y', 1) end)",
        "redis.register_function('f', function() redis.call = nil end)",
        "redis.register_function('f', function() string.rep = nil end)",
        "redis.register_function('f', function() getmetatable('').__index = nil end)",
        "redis.register_function('f', function() getmetatable(_G).__index = nil end)",
        "redis.register_function('f', function() setmetatable(_G, nil) end)",
        "local register = redis.register_function register('f', function() register('g', function() end) end)",
        "redis.register_function('f', function() return loadstring('z = 1')() end)",
    ] {
        let told = twice(&mut engine, body);
        assert!(told.iter().all(|told| told.starts_with("ERR ")), "{body}: {told:?}");
    }
    let seen = "redis.register_function('f', function() local t = {} for _, name in pairs{'x', 'y', 'z', 'KEYS', 'ARGV'} \
                do t[#t + 1] = tostring(rawget(_G, name)) end return table.concat(t, ' ') end)";
    eval(&mut engine, "return KEYS");
    assert_eq!(twice(&mut engine, seen), ["nil nil nil nil nil", "nil nil nil nil nil"]);
    let register = "return tostring(redis.register_function) .. tostring(pcall(function() return x end))";
    assert_eq!(text(&eval(&mut engine, register)), "nilfalse");
}

#[test]
fn the_engine_moves_between_threads() {
    fn movable<T: Send>(_: &T) {}
    movable(&engine());
}

#[test]
fn many_arguments_fit_beside_many_scripts() {
    let mut engine = engine();
    for number in 0..1100 {
        assert_eq!(eval(&mut engine, &format!("return {number}")), Reply::Integer(number));
    }
    let script = "local t = {} for i = 1, 7500 do t[i] = 'item' .. i end return {redis.call('rpush', 'l', unpack(t)), \
                  #redis.call('lrange', 'l', 0, -1), #{redis.call('echo', (select(7500, unpack(t))))}}";
    assert_eq!(
        eval(&mut engine, script),
        Reply::Array(vec![Reply::Integer(7500), Reply::Integer(7500), Reply::Integer(1)])
    );
}

#[test]
fn wide_tables_go_through_the_libraries() {
    let mut engine = engine();
    let script = "local t = {} for i = 1, 20000 do t['key' .. i] = {'value' .. i} end \
                  local j = cjson.decode(cjson.encode(t)) local m = cmsgpack.unpack(cmsgpack.pack(t)) \
                  return {j.key20000[1], m.key1[1]}";
    assert_eq!(eval(&mut engine, script), Reply::Array(vec![Reply::bulk("value20000"), Reply::bulk("value1")]));
}
