==== lock , token 30000
-- a lock with an owner: take it
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 else return 0 end
==== lock , token
redis.call('set', KEYS[1], 'token')
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end
==== lock , other
redis.call('set', KEYS[1], 'token')
local token = redis.call('get', KEYS[1])
if not token or token ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
return 1
==== lock , token 1000
redis.call('set', KEYS[1], 'token', 'PX', 500)
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], tonumber(ARGV[2]) + 500)
==== l1 l2 l3 , t
-- several locks at once
local taken = 0
for i, key in ipairs(KEYS) do
  if redis.call('setnx', key, ARGV[1]) == 1 then taken = taken + 1 end
end
if taken < math.floor(#KEYS / 2) + 1 then redis.call('del', unpack(KEYS)) return {taken, 'lost'} end
return {taken, 'won'}
==== hits , 3 60
-- a fixed window
local out = {}
for i = 1, 5 do
  local n = redis.call('incr', KEYS[1])
  if n == 1 then redis.call('expire', KEYS[1], ARGV[2]) end
  out[i] = n <= tonumber(ARGV[1]) and 1 or 0
end
return out
==== window , 1000 100 3
-- a sliding window
local now, span, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local out = {}
for step = 0, 6 do
  local at = now + step * 20
  redis.call('zremrangebyscore', KEYS[1], '-inf', at - span)
  local used = redis.call('zcard', KEYS[1])
  if used < limit then
    redis.call('zadd', KEYS[1], at, 'm' .. at)
    redis.call('pexpire', KEYS[1], span)
    out[#out + 1] = limit - used - 1
  else
    out[#out + 1] = -1
  end
end
return {out, redis.call('zrange', KEYS[1], 0, -1, 'WITHSCORES')}
==== bucket , 10 2 1000
-- a token bucket
local capacity, rate, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function take(at, cost)
  local state = redis.call('hmget', KEYS[1], 'tokens', 'at')
  local tokens, last = tonumber(state[1] or capacity), tonumber(state[2] or at)
  tokens = math.min(capacity, tokens + math.max(0, at - last) * rate)
  local allowed = tokens >= cost
  if allowed then tokens = tokens - cost end
  redis.call('hset', KEYS[1], 'tokens', tokens, 'at', at)
  redis.call('expire', KEYS[1], math.ceil(capacity / rate) * 2)
  return {allowed and 1 or 0, tostring(tokens)}
end
return {take(now, 6), take(now, 6), take(now + 1.5, 6), take(now + 100, 10), take(now + 100.25, 1)}
==== gcra , 5 1
-- a leaky bucket in one number
local burst, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local out, now = {}, 100
for i = 1, 8 do
  local tat = tonumber(redis.call('get', KEYS[1]) or now)
  local new = math.max(tat, now) + period
  if new - burst * period > now then out[i] = string.format('no %.2f', new - burst * period - now)
  else redis.call('set', KEYS[1], new) out[i] = 'yes' end
  now = now + 0.1
end
return out
==== wait active meta , 1 2 3
-- jobs move from waiting to active
for _, id in ipairs(ARGV) do redis.call('lpush', KEYS[1], id) redis.call('hset', KEYS[3] .. ':' .. id, 'data', cjson.encode({id = id}), 'attempts', 0) end
local moved = {}
while true do
  local id = redis.call('rpoplpush', KEYS[1], KEYS[2])
  if not id then break end
  redis.call('hincrby', KEYS[3] .. ':' .. id, 'attempts', 1)
  moved[#moved + 1] = redis.call('hgetall', KEYS[3] .. ':' .. id)
end
return {moved, redis.call('lrange', KEYS[2], 0, -1), redis.call('llen', KEYS[1])}
==== delayed wait , 50
-- delayed jobs become ready
redis.call('zadd', KEYS[1], 10, 'a', 20, 'b', 60, 'c')
local ready = redis.call('zrangebyscore', KEYS[1], 0, ARGV[1], 'LIMIT', 0, 1000)
if #ready > 0 then
  redis.call('zrem', KEYS[1], unpack(ready))
  redis.call('lpush', KEYS[2], unpack(ready))
end
return {#ready, redis.call('lrange', KEYS[2], 0, -1), redis.call('zcard', KEYS[1])}
==== wait active done failed , job1 ok
-- a job is done
redis.call('lpush', KEYS[2], 'job0', 'job1')
local removed = redis.call('lrem', KEYS[2], -1, ARGV[1])
if removed < 1 then return -3 end
redis.call('zadd', KEYS[3], 17, ARGV[1])
redis.call('hset', 'job:' .. ARGV[1], 'returnvalue', ARGV[2], 'finishedOn', 17)
redis.call('publish', 'completed', cmsgpack.pack({jobId = ARGV[1]}))
return {removed, redis.call('hgetall', 'job:' .. ARGV[1]), redis.call('zrange', KEYS[3], 0, -1)}
==== q q:reserved , 90
-- take a job and reserve it
redis.call('rpush', KEYS[1], cjson.encode({uuid = 'u1', attempts = 0}))
local job = redis.call('lpop', KEYS[1])
local reserved = false
if job ~= false then
  reserved = cjson.decode(job)
  reserved['attempts'] = reserved['attempts'] + 1
  redis.call('zadd', KEYS[2], ARGV[1], 'u1:' .. reserved['attempts'])
end
return {job, redis.call('zrange', KEYS[2], 0, -1), reserved and reserved.attempts}
==== q:delayed q , 100
-- migrate expired jobs in portions
for i = 1, 250 do redis.call('zadd', KEYS[1], i % 150, 'job' .. i) end
local val = redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[1])
if next(val) ~= nil then
  redis.call('zremrangebyscore', KEYS[1], '-inf', ARGV[1])
  for i = 1, #val, 100 do redis.call('rpush', KEYS[2], unpack(val, i, math.min(i + 99, #val))) end
end
return {#val, redis.call('llen', KEYS[2]), redis.call('zcard', KEYS[1])}
==== unacked , tag1
-- messages that were not acknowledged come back
redis.call('hset', KEYS[1], 'tag1', cjson.encode({{'body'}, 'ex', 'rk'}))
local raw = redis.call('hget', KEYS[1], ARGV[1])
local message = cjson.decode(raw)
redis.call('lpush', message[3], cjson.encode(message[1]))
redis.call('hdel', KEYS[1], ARGV[1])
return {redis.call('lrange', 'rk', 0, -1), redis.call('exists', KEYS[1])}
==== counter , 5
-- add with a limit
local current = tonumber(redis.call('get', KEYS[1]) or '0')
local out = {}
for i = 1, 4 do
  if current + 2 > tonumber(ARGV[1]) then out[i] = redis.error_reply('LIMIT reached ' .. current) else current = redis.call('incrby', KEYS[1], 2) out[i] = current end
end
return out
==== a b , x y
-- compare and set, and delete several
redis.call('mset', KEYS[1], 'x', KEYS[2], 'y')
local values = redis.call('mget', KEYS[1], KEYS[2], 'none')
if values[1] == ARGV[1] and values[2] == ARGV[2] then redis.call('set', KEYS[1], 'new') end
return {values, redis.call('get', KEYS[1]), redis.call('type', KEYS[1]), redis.call('type', 'none')}
==== set , m1 m2 m3
-- unique jobs
local added = {}
for _, m in ipairs(ARGV) do added[#added + 1] = redis.call('sadd', KEYS[1], m) end
added[#added + 1] = redis.call('sadd', KEYS[1], ARGV[1])
return {added, redis.call('scard', KEYS[1]), redis.call('sismember', KEYS[1], 'm2'), redis.call('srem', KEYS[1], 'm2', 'm9')}
==== l ,
redis.call('rpush', KEYS[1], 1, 2, 3)
return redis.call('incr', KEYS[1])
==== l ,
redis.call('rpush', KEYS[1], 1, 2, 3)
local r = redis.pcall('incr', KEYS[1])
if r.err then return redis.status_reply('caught ' .. r.err:sub(1, 9)) end
==== l ,
redis.call('rpush', KEYS[1], 1, 2, 3)
local ok, e = pcall(redis.call, 'hget', KEYS[1], 'f')
return {tostring(ok), e}
==== h , f v
redis.setresp(3)
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
local map = redis.call('hgetall', KEYS[1]).map
local none = redis.call('get', 'none')
redis.call('zadd', 'z', 1.5, 'm')
return {map[ARGV[1]], tostring(none), redis.call('zscore', 'z', 'm').double * 2, redis.call('hgetall', KEYS[1])}
==== z ,
redis.call('zadd', KEYS[1], 1.5, 'a', 3, 'b')
return {redis.call('zscore', KEYS[1], 'a'), redis.call('zscore', KEYS[1], 'none'), redis.call('zpopmin', KEYS[1]), redis.call('zcount', KEYS[1], '(1', '+inf')}
==== k ,
redis.log(redis.LOG_NOTICE, 'a', 1, 'b')
redis.call('append', KEYS[1], 'abc')
return {redis.call('strlen', KEYS[1]), redis.call('exists', KEYS[1], 'none'), redis.call('persist', KEYS[1]), redis.call('ping'), redis.call('ping', 'x'), redis.call('echo', 12)}
==== k , {"a":[1,2,{"b":null}],"c":"\u00e9"}
local value = cjson.decode(ARGV[1])
value.n = #value.a
redis.call('set', KEYS[1], cjson.encode(value.a))
return {redis.call('get', KEYS[1]), value.c, value.n, value.a[3].b == cjson.null and 'null' or 'other'}
==== k , 1 2 3
local function map(t, f) local r = {} for i, v in ipairs(t) do r[i] = f(v) end return r end
local Stack = {} Stack.__index = Stack
function Stack.new() return setmetatable({n = 0}, Stack) end
function Stack:push(v) self.n = self.n + 1 self[self.n] = v return self end
function Stack:pop() local v = self[self.n] self[self.n] = nil self.n = self.n - 1 return v end
local s = Stack.new():push('a'):push('b')
return {map(ARGV, function(v) return v * 2 end), s:pop(), s:pop(), s.n}
