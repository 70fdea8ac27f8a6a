//! Scripts that let native functions work for long, or take memory outside of Lua.
//!
//! The clock of these runs stands still, so a script ends only because somebody counted its steps or its bytes. A native
//! function that counts nothing would run until the test is ended from outside. How busy the machine is decides nothing.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use support::{Memory, identity};
use valthree_script::resp::Reply;
use valthree_script::{Bound, Engine, Host, Limits, LogLevel};

const LIMITS: Limits = Limits { instructions: 1_000_000, time: Duration::from_secs(1), memory: 32 << 20 };

/// A table of few values whose length is 2^28.
const LONG: &str = "local t = {} for i = 1, 33 do t['a' .. i] = 1 end for k = 0, 28 do t[2^k] = 1 end ";

/// What takes long.
const SLOW: &[&str] = &[
    "LONG table.remove(t, 1)",
    "LONG table.insert(t, 1, 1)",
    "LONG table.foreachi(t, math.randomseed) return 'x'",
    "LONG table.foreachi(t, redis.debug) return 'x'",
    "LONG while true do table.foreach(t, rawequal) end",
    "LONG while true do table.maxn(t) end",
    "LONG for i = 1, 1e9 do pcall(table.remove, t, 1) end",
    "LONG setmetatable(t, {__index = function() return 1 end}) table.remove(t, 1)",
    "local t = {} for i = 1, 1e5 do t[i] = i end table.sort(t)",
    "local t = {} for i = 1, 1e5 do t[i] = -i end table.sort(t, function(a, b) return a < b end)",
    "local t = {} for i = 1, 1e5 do t[i] = i end while true do pcall(table.sort, t, rawequal) end",
    "local s = ('x'):rep(1.2e7) while true do redis.sha1hex(s) redis.sha1hex(s) redis.sha1hex(s) end",
    "local s = '--' .. ('x'):rep(4e6) while true do loadstring(s) loadstring(s) loadstring(s) end",
    "local s = ('x'):rep(1.2e7) while true do redis.log(redis.LOG_WARNING, s) end",
    "local s = ('x'):rep(1.2e7) while true do redis.call('echo', s) end",
    "local s = ('x'):rep(1.2e7) while true do redis.pcall('echo', s, {}) end",
    "local s = ('x'):rep(1.2e7) while true do redis.acl_check_cmd('get', s) end",
    "local s = ('x'):rep(1.2e7) while true do redis.error_reply(s) redis.status_reply(s) end",
    "local s = ('x'):rep(1.2e7) while true do struct.unpack('c1', s) struct.size(s) end",
    "local s = ('x'):rep(1.2e7) while true do cmsgpack.unpack_limit(s, 1, 0) end",
    "local s = (' '):rep(1.2e7) while true do pcall(cjson.decode, s) end",
    "local s = ('1,'):rep(1e6) while true do pcall(cjson.decode, '[' .. s .. '1]') end",
    "local s = ('\\1'):rep(1e6) while true do pcall(cmsgpack.unpack, '\\221\\0\\15\\66\\64' .. s) end",
    "local t = {} for i = 1, 300 do t[i] = 1e300 end local u = {} for i = 1, 300 do u[i] = t end local v = {} for i = 1, 100 do v[i] = u end return #cmsgpack.pack(v)",
    "local t = {} for i = 1, 1e5 do t[i] = 1 end local u = {} for i = 1, 1e4 do u[i] = t end return #cmsgpack.pack(u)",
    "local t = {} for i = 1, 1e5 do t[i] = 1 end t.x = 1 local u = {} for i = 1, 1e4 do u[i] = t end while true do pcall(cjson.encode, u) end",
    "cjson.encode_sparse_array(false, 0) return #cjson.encode({[1] = 1, [2^30] = 1})",
    "return ('x'):rep(1e6):find('[' .. ('a'):rep(1e6) .. ']')",
    "return ('x'):rep(1e6):find('%f[' .. ('a'):rep(1e6) .. ']')",
    "return ('x'):rep(1e6):match('[^' .. ('a'):rep(1e6) .. ']-y')",
    "return ('x'):rep(1e6):find('(.*)%1y')",
    "local s = ('x'):rep(1e6) while true do s:match('.*') end",
    "local s, p = 'x', ('x'):rep(4e6) while true do for w in s:gmatch(p) do end end",
    "local t = {} for i = 1, 7000 do t[i] = i end while true do bit.bor(unpack(t)) end",
    "redis.call('rpush', 'l', ('x'):rep(1e6)) for i = 1, 200 do redis.call('rpush', 'l', redis.call('lrange', 'l', 0, 0)[1]) end while true do redis.call('lrange', 'l', 0, -1) end",
];

/// What takes long inside of one instruction, or of a function of Lua itself. Nobody counts that, so only the clock ends it.
const LONG_INSTRUCTIONS: &[&str] = &[
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 1e4 do t[i] = s end while true do table.sort(t) end",
    "local s = ('\"'):rep(4e6) while true do string.format('%q', s) end",
    "local s = (' '):rep(1.2e7) while true do local n = tonumber(s) n = tonumber(s) n = tonumber(s) end",
    "local s = (' '):rep(1.2e7) .. '1' while true do local n = s + s + s + s + s + s end",
    "local a, b = ('\\0'):rep(6e6) .. 'a', ('\\0'):rep(6e6) .. 'b' while true do local n = a < b or b < a or a < b end",
    "local a, b = ('\\0'):rep(6e6) .. 'a', ('\\0'):rep(6e6) .. 'b' coroutine.wrap(function() while true do local n = a < b end end)()",
    "local t = {} for i = 1, 1e5 do t[i] = i end for i = 1, 1e5 do t[i] = nil end while true do next(t) end",
    "local t = {} for i = 1, 7000 do t[i] = i end while true do select(-1, unpack(t)) end",
];

/// What takes memory that Lua does not know of.
const LARGE: &[&str] = &[
    "return #(('x'):rep(1e6):gsub('.*', ('%0'):rep(1500)))",
    "return #(('x'):rep(1e6):gsub('(.*)', ('%1'):rep(1500)))",
    "return #(('x'):rep(1e5):gsub('.', ('y'):rep(1e5)))",
    "local s = ('y'):rep(1e6) return #(('x'):rep(1e5):gsub('.', function() return s end))",
    "local s = ('y'):rep(1e6) return #(('x'):rep(1e5):gsub('.', {x = s}))",
    "local s = ('x'):rep(4e6) local function f() return (s:gsub('x', f)) end f() while true do end",
    "local s = ('x'):rep(1e6) local function f() s:gsub('x', function() f() end) end pcall(f) while true do end",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 1e5 do t[i] = s:gmatch('x') end while true do t[#t + 1] = {} end",
    "local s = ('x'):rep(4e6) local t = {} for i = 1, 200 do t[i] = s end return #cjson.encode(t)",
    "local s = ('\\1'):rep(4e6) local t = {} for i = 1, 60 do t[i] = s end return #cjson.encode(t)",
    "local s = ('\\1'):rep(8e6) return #cjson.encode(s)",
    "local s = ('x'):rep(4e6) local t = {} for i = 1, 200 do t[i] = s end return #cmsgpack.pack(t)",
    "local s = ('x'):rep(4e6) local t = {} for i = 1, 200 do t[i] = s end return #cmsgpack.pack(unpack(t))",
    "local s = ('x'):rep(4e6) local t = {} for i = 1, 200 do t[i] = s end return #struct.pack(('c0'):rep(200), unpack(t))",
    "local s = ('x'):rep(4e6) local t = {} for i = 1, 200 do t[i] = s end return #table.concat(t)",
    "local s = ('x'):rep(4e6) local t = {} for i = 1, 200 do t[i] = 'x' end return #table.concat(t, s)",
    "local s = ('x'):rep(4e6) local t = {} for i = 1, 200 do t[i] = s end return #string.format(('%s'):rep(200), unpack(t))",
    "return #('x'):rep(4e6):rep(200)",
    "local s = (' '):rep(4e6) return load(function() return s end)",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 600 do t[i] = s end return t",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 600 do t[i] = {ok = s} end return t",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 600 do t[i] = {err = s} end return t",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 600 do t[i] = {big_number = s} end return t",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 600 do t[i] = {verbatim_string = {string = s, format = 'txt'}} end return t",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 600 do t[i] = s end redis.setresp(3) return {map = {a = t}}",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 600 do t[{i}] = true end return {set = t, map = {a = s, b = s}} and {s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s}",
    "local t = {1} for i = 1, 30 do t = {t, t} end return t",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 7000 do t[i] = s end return redis.call('rpush', 'l', unpack(t))",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 7000 do t[i] = s end return redis.pcall('rpush', 'l', unpack(t))",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 7000 do t[i] = s end return redis.acl_check_cmd('rpush', 'l', unpack(t))",
    "local s = ('x'):rep(1e6) local t = {} for i = 1, 7000 do t[i] = s end return redis.log(redis.LOG_DEBUG, unpack(t))",
];

/// The CPU time that this thread has had, as Linux tells it.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// How much memory the process has had at the most, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<usize>().ok()).unwrap_or_default() << 10
}

/// A clock that stands still or not, and notes the longest CPU time between two looks at it, in microseconds. The kernel
/// tells CPU times slowly, so the clock asks only now and then. What it notes may be too long by one [`PAUSE`].
#[expect(clippy::disallowed_methods, reason = "the bounds of a real run go by the machine's clock")]
fn watched(stands: bool) -> (Engine, Arc<AtomicU64>) {
    const PAUSE: u64 = 20_000;
    let longest = Arc::new(AtomicU64::new(0));
    let (noted, start) = (longest.clone(), Instant::now());
    let (asked, used) = (AtomicU64::new(0), AtomicU64::new(cpu_time().as_micros() as u64));
    let clock = move || {
        let now = start.elapsed();
        if now.as_micros() as u64 > asked.load(Relaxed) + PAUSE {
            let before = used.swap(cpu_time().as_micros() as u64, Relaxed);
            noted.fetch_max(used.load(Relaxed).saturating_sub(before), Relaxed);
            asked.store(now.as_micros() as u64, Relaxed);
        }
        if stands { Duration::ZERO } else { now }
    };
    (Engine::new(Arc::new(clock), identity()), longest)
}

/// A server that forgets what scripts log.
#[derive(Default)]
struct Server(Memory);

impl Host for Server {
    fn call(&mut self, words: Vec<Bytes>) -> Reply {
        self.0.call(words)
    }

    fn permits(&mut self, words: Vec<Bytes>) -> Option<bool> {
        self.0.permits(words)
    }

    fn log(&mut self, _: LogLevel, _: Bytes) {}
}

fn run(engine: &mut Engine, script: &str, limits: &Limits) -> String {
    match engine.eval(script.replace("LONG ", LONG).as_bytes(), &[], &[], limits, &mut Server::default()) {
        Reply::Error(text) => String::from_utf8_lossy(&text).into_owned(),
        other => format!("{other:.100?}"),
    }
}

/// One test, because it measures its own process.
#[test]
fn native_functions_pay_for_their_time_and_their_memory() {
    let before = peak();
    all_stop(&SLOW.iter().chain(LARGE).copied().collect::<Vec<_>>(), true, before);
    all_stop(LONG_INSTRUCTIONS, false, before);
}

fn all_stop(scripts: &[&str], clock_stands: bool, before: usize) {
    let (mut engine, longest) = watched(clock_stands);
    for script in scripts {
        longest.store(0, Relaxed);
        let told = run(&mut engine, script, &LIMITS);
        let bounds = [Bound::Instructions, Bound::Memory, Bound::Time];
        assert!(bounds.iter().any(|bound| told == bound.text()), "{script}: {told}");
        // A run that has used up its time must notice soon. How soon depends on the machine, so this is generous: functions that
        // counted nothing took longer than this, or never ended.
        let blind = Duration::from_micros(longest.load(Relaxed));
        assert!(blind < 10 * LIMITS.time, "{script}: {blind:?} passed without a look at the clock");
        // Lua and what leaves it may be as large as the bound, each, and a string that is copied is there twice.
        let grown = peak() - before;
        assert!(grown < 4 * LIMITS.memory, "{script}: {} MB", grown >> 20);
        assert_eq!(run(&mut engine, "return 7", &LIMITS), "Integer(7)", "after {script}");
    }
}

#[test]
fn what_fits_into_the_bounds_is_answered() {
    let (mut engine, _) = watched(true);
    let limits = Limits { instructions: 5_000_000, ..LIMITS };
    for (script, told) in [
        ("return #(('x'):rep(1e6):gsub('.*', ('%0'):rep(10)))", "Integer(10000000)"),
        ("local s = ('x'):rep(1e7) return #s:upper() + #s:reverse()", "Integer(20000000)"),
        ("local s = ('x'):rep(3e7) return #s", "Integer(30000000)"),
        ("local s = ('x'):rep(2e7) return redis.call('set', 'k', s)", "Simple(b\"OK\")"),
        ("local t = {} for i = 1, 1e5 do t[i] = i end return #cjson.decode(cjson.encode(t))", "Integer(100000)"),
        ("local t = {} for i = 1, 1e5 do t[i] = i end return #cmsgpack.unpack(cmsgpack.pack(t))", "Integer(100000)"),
        ("local t = {} for i = 1, 3e4 do t[i] = (i * 7919) % 30011 end table.sort(t) return t[3e4]", "Integer(30010)"),
        (
            "local t = {} for i = 1, 1e4 do t[i] = i end for i = 1, 100 do table.remove(t, 1) end return t[1]",
            "Integer(101)",
        ),
    ] {
        assert_eq!(run(&mut engine, script, &limits), told, "{script}");
    }
    let script = "local s = ('x'):rep(1e6) local t = {} for i = 1, 30 do t[i] = s end return t";
    let reply = engine.eval(script.as_bytes(), &[], &[], &LIMITS, &mut Server::default());
    assert_eq!(reply, Reply::Array(vec![Reply::Bulk(Bytes::from(vec![b'x'; 1_000_000])); 30]));
}
