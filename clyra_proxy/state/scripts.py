"""What Redis does in one step each, in Lua: the same answers as `MemoryState` and `SqliteState` give.

Rule: a script never trusts the clock of who calls it. The moment is the server's (TIME) less an age, which is a
difference of two readings of one clock and so free of skew; tests alone give a moment of their own. Every key begins
with one hash tag, so that a cluster keeps them in one slot and a script may touch several. Values are kept as
`END|VALUE`, END being `-` for what never ends; Redis's own expiry only sweeps away what has ended already.
"""

from __future__ import annotations

_NOW = """
local function moment(text)
  local number = tonumber(string.sub(text, 2))
  if string.sub(text, 1, 1) == '@' then return number end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000 - number
end
local now = moment(ARGV[1])
local MARGIN = 60000
local function keep(key, milliseconds)
  if redis.call('PTTL', key) < milliseconds then
    redis.call('PEXPIRE', key, string.format('%.0f', milliseconds))
  end
end
local function read(key)
  local kept = redis.call('GET', key)
  if not kept then return nil end
  local bar = string.find(kept, '|', 1, true)
  local stop = string.sub(kept, 1, bar - 1)
  if stop ~= '-' and tonumber(stop) <= now then return nil end
  return string.sub(kept, bar + 1)
end
local function write(key, value, ttl)
  if ttl == '' then
    redis.call('SET', key, '-|' .. value)
  else
    local lifetime = tonumber(ttl)
    redis.call('SET', key, string.format('%.17g', now + lifetime) .. '|' .. value,
      'PX', string.format('%.0f', lifetime * 1000 + MARGIN))
  end
end
"""

ADD = (
    _NOW
    + """
local told = {}
for number = 1, #KEYS do
  local at = 2 + (number - 1) * 3
  local key, amount, window, limit = KEYS[number], ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
  local slot = math.floor(now * 20 / math.max(window, 1))
  local counted, sum = redis.call('HGETALL', key), 0
  for place = 1, #counted, 2 do
    if tonumber(counted[place]) >= slot - 20 then
      sum = sum + tonumber(counted[place + 1])
    else
      redis.call('HDEL', key, counted[place])
    end
  end
  if limit ~= '' and sum + tonumber(amount) > tonumber(limit) then
    told[#told + 1] = 0
    told[#told + 1] = sum
  else
    redis.call('HINCRBY', key, string.format('%.0f', slot), amount)
    keep(key, window * 2000 + MARGIN)
    told[#told + 1] = 1
    told[#told + 1] = sum + tonumber(amount)
  end
end
return told
"""
)
"""KEYS: counters. ARGV: moment, then amount, window and limit of each. For each: whether it was added, and the sum."""

TOTAL = (
    _NOW
    + """
local slot = math.floor(now * 20 / math.max(tonumber(ARGV[2]), 1))
local counted, sum = redis.call('HGETALL', KEYS[1]), 0
for place = 1, #counted, 2 do
  if tonumber(counted[place]) >= slot - 20 then sum = sum + tonumber(counted[place + 1]) end
end
return sum
"""
)
"""KEYS: counter. ARGV: moment, window."""

TAKE = (
    _NOW
    + """
local amount, rate, burst, reserve = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = read(KEYS[1])
local level, at = burst, now
if kept then
  local space = string.find(kept, ' ', 1, true)
  level, at = tonumber(string.sub(kept, 1, space - 1)), tonumber(string.sub(kept, space + 1))
end
level = math.min(burst, level + math.max(0, now - at) * rate)
local missing = math.min(amount, math.max(0, burst - reserve)) + reserve - level
if missing > 0 and amount > 0 then return {0, string.format('%.17g', missing / rate)} end
level = math.min(burst, level - amount)
local text = string.format('%.17g', level) .. ' ' .. string.format('%.17g', math.max(now, at))
write(KEYS[1], text, tostring(math.ceil((burst - level) / rate) + 1))
return {1, '0'}
"""
)
"""KEYS: bucket. ARGV: moment, amount, rate, burst, reserve. Whether it was granted, and seconds to wait."""

GET = _NOW + "return read(KEYS[1])"
"""KEYS: value. ARGV: moment."""

PUT = (
    _NOW
    + """
if ARGV[5] == 'new' then
  local standing = read(KEYS[1])
  if standing then return standing end
end
write(KEYS[1], ARGV[2], ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[4])
for _, name in ipairs(redis.call('ZRANDMEMBER', KEYS[2], 2)) do
  if not read(ARGV[6] .. name) then redis.call('ZREM', KEYS[2], name) end
end
return ARGV[2]
"""
)
"""KEYS: value, index. ARGV: moment, value, lifetime or '', name, `new` or '', what value keys begin with."""

ENTRIES = (
    _NOW
    + """
local told, at = {}, 0
while #told < 2 * tonumber(ARGV[3]) do
  local names = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[2], '(' .. ARGV[2] .. '\\255', 'LIMIT', at, 500)
  if #names == 0 then break end
  at = at + #names
  for _, name in ipairs(names) do
    local value = read(ARGV[4] .. name)
    if value and #told < 2 * tonumber(ARGV[3]) then
      told[#told + 1] = name
      told[#told + 1] = value
    end
  end
end
return told
"""
)
"""KEYS: index. ARGV: moment, prefix of the names, limit, what value keys begin with."""

ACQUIRE = (
    _NOW
    + """
local holder, limit, lease = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local held, count, ours = redis.call('HGETALL', KEYS[1]), 0, false
for place = 1, #held, 2 do
  if tonumber(held[place + 1]) <= now then
    redis.call('HDEL', KEYS[1], held[place])
  else
    count = count + 1
    ours = ours or held[place] == holder
  end
end
if count >= limit and not ours then return 0 end
redis.call('HSET', KEYS[1], holder, string.format('%.17g', now + lease))
keep(KEYS[1], lease * 1000 + MARGIN)
return 1
"""
)
"""KEYS: leases. ARGV: moment, holder, limit, length of the lease. Whether a place was taken."""
