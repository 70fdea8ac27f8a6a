-- What catches errors. Lua's own functions would hand a script the error that stops it; these raise it again.
-- They are written in Lua because each level of a native wrapper would take three of Lua's 200 nested native calls.
local pcall, xpcall, resume, settle, settle_reply, error, select, type, unpack, bounded_unpack = ...

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

function library.index(t, k) return t[k] end

return library
