-- Functions of Lua's library that are better written in Lua.
--
-- Lua's own functions that catch errors would hand a script the error that stops it; these raise it again. They are written in Lua because each level of a native wrapper would take three of Lua's 200 nested native calls.
local pcall, xpcall, resume, settle, settle_reply, error, select, type, unpack, bounded_unpack,
  rawget, rawset, setmetatable, next_match, bridge = ...

local function caught(ok, ...)
  if ok then return true, ... end
  return false, settle((...))
end

local function caught_reply(ok, ...)
  if ok then return true, ... end
  return false, settle_reply((...))
end

local library = {}

function library.pcall(...)
  if select('#', ...) == 0 then return false, 'attempt to call a boolean value' end
  return caught_reply(pcall(...))
end

function library.xpcall(...)
  if select('#', ...) < 2 then error("bad argument #2 to 'xpcall' (value expected)", 2) end
  local f, handler = ...
  return caught(xpcall(f, function(e) return handler(settle(e)) end))
end

function library.resume(...)
  local co = ...
  if type(co) ~= 'thread' then error("bad argument #1 to 'resume' (coroutine expected)", 2) end
  return caught(resume(...))
end

-- Checks first. The check has the name `unpack` here, because its errors say how it was called.
function library.unpack(...)
  unpack(...)
  return bounded_unpack(...)
end

-- Enters a function of a library with its arguments.
function library.enter(f, handler, keys, argv)
  return xpcall(function() return f(keys, argv) end, handler)
end

-- `redis.pcall`. During a run, the first slot of the bridge holds `redis.call`. The second slot holds a value that no script
-- has: it asks for errors as replies.
function library.server_pcall(...) return bridge[1](bridge[2], ...) end

function library.index(t, k) return t[k] end

-- The iterator of `string.gmatch`. Lua keeps the subject: a copy for each iterator would be outside of Lua's memory.
function library.words(subject, pattern)
  local at = 0
  local function advance(next, ...)
    at = next
    return ...
  end
  return function() return advance(next_match(subject, pattern, at)) end
end

-- Moves values by one place, for `table.insert` and `table.remove`.
function library.move(t, from, to, step)
  for i = from, to, step do t[i] = t[i + step] end
end

-- The algorithm of Lua 5.1, step by step: a wrong order of the comparator shows in the same way. The hook counts each
-- comparison, as it could not inside of Lua's own function.
local function sort(t, less, l, u)
  while l < u do
    local first, last = t[l], t[u]
    if less and less(last, first) or not less and last < first then t[l], t[u] = last, first end
    if u - l == 1 then return end
    local i = (l + u - (l + u) % 2) / 2
    local middle, first = t[i], t[l]
    if less and less(middle, first) or not less and middle < first then
      t[i], t[l] = first, middle
    else
      local last = t[u]
      if less and less(last, middle) or not less and last < middle then t[i], t[u] = last, middle end
    end
    if u - l == 2 then return end
    local pivot = t[i]
    t[i], t[u - 1] = t[u - 1], pivot
    local j = u - 1
    i = l
    while true do
      i = i + 1
      local left = t[i]
      while less and less(left, pivot) or not less and left < pivot do
        if i > u then error('invalid order function for sorting', 0) end
        i = i + 1
        left = t[i]
      end
      j = j - 1
      local right = t[j]
      while less and less(pivot, right) or not less and pivot < right do
        if j < l then error('invalid order function for sorting', 0) end
        j = j - 1
        right = t[j]
      end
      if j < i then break end
      t[i], t[j] = right, left
    end
    t[u - 1], t[i] = t[i], t[u - 1]
    if i - l < u - i then
      sort(t, less, l, i - 1)
      l = i + 1
    else
      sort(t, less, i + 1, u)
      u = i - 1
    end
  end
end

-- `table.sort` knows no metatables, so a table with one is sorted through another that passes everything on.
function library.sort(t, less, length, has_metatable)
  if has_metatable then
    local raw = t
    t = setmetatable({}, {
      __index = function(_, i) return rawget(raw, i) end,
      __newindex = function(_, i, value) rawset(raw, i, value) end,
    })
  end
  sort(t, less, 1, length)
end

return library
