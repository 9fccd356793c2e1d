"""The atomic steps of leases, which are three keys of one slot, for a scan needs all of them.

- A hash: the records by their keys.
- A sorted set without scores: the keys, in order.
- A sorted set: the keys of what will expire, by when.
"""

from __future__ import annotations

from typing import Final

from eventproto.engine.redis._lua import NUMBERS

__all__ = ["DELETE", "GET", "SCAN", "SET"]

_COMMON: Final = (
    NUMBERS
    + """
local records, order, expiries = KEYS[1], KEYS[2], KEYS[3]
local now = seconds(ARGV[1])

-- The record {data, expires or '', version}, if it has not expired.
local function load(key)
  local packed = redis.call('HGET', records, key)
  local record = packed and cmsgpack.unpack(packed)
  return record and (record[2] == '' or tonumber(record[2]) > now) and record
end

local function remove(key)
  redis.call('HDEL', records, key)
  redis.call('ZREM', order, key)
  redis.call('ZREM', expiries, key)
end
"""
)

SET: Final = (
    _COMMON
    + """
-- ARGV: now, key, data, expires or '', version, '1' to compare, the version expected or ''
local key, expires = ARGV[2], ARGV[4]
-- More than one at a time, so that they go faster than they come.
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', text(now), 'LIMIT', 0, 10)) do
  remove(gone)
end
if ARGV[6] == '1' then
  local held = load(key)
  if (held and held[3] or '') ~= ARGV[7] then return 0 end
end
redis.call('HSET', records, key, cmsgpack.pack({ARGV[3], expires, ARGV[5]}))
redis.call('ZADD', order, 0, key)
if expires == '' then
  redis.call('ZREM', expiries, key)
else
  redis.call('ZADD', expiries, expires, key)
end
return 1
"""
)

GET: Final = (
    _COMMON
    + """
-- ARGV: now, key
return load(ARGV[2])
"""
)

DELETE: Final = (
    _COMMON
    + """
-- ARGV: now, key, the version expected or ''
local held = load(ARGV[2])
if not held or (ARGV[3] ~= '' and held[3] ~= ARGV[3]) then return 0 end
remove(ARGV[2])
return 1
"""
)

SCAN: Final = (
    _COMMON
    + """
-- ARGV: now, prefix, the first key, limit
local prefix, from, limit = ARGV[2], '[' .. ARGV[3], tonumber(ARGV[4])
local reply = {}
repeat
  local keys = redis.call('ZRANGEBYLEX', order, from, '+', 'LIMIT', 0, limit)
  for _, key in ipairs(keys) do
    if string.sub(key, 1, #prefix) ~= prefix or #reply == limit then return reply end
    local record = load(key)
    if record then reply[#reply + 1] = {key, record[1], record[2], record[3]} end
    from = '(' .. key
  end
until #keys < limit
return reply
"""
)
