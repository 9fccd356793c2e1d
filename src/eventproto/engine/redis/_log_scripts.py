"""The atomic steps of a topic, which is three keys of one slot.

- A hash: its tag (see `eventproto.engine._cursors`), the last position, the last record that was
  trimmed, how many records there are and how many bytes of data.
- A stream: the records, under their positions. Redis trims it whole nodes at a time, so it may
  still hold records that are gone; what counts is the position in the hash, so gaps are exact.
- A hash: the position of each id.
"""

from __future__ import annotations

from typing import Final

from eventproto.engine.redis._lua import NUMBERS

__all__ = ["APPEND", "READ"]

_COMMON: Final = (
    NUMBERS
    + """
-- The position of a cursor of this topic; nil for what is none.
local function cursor(tag, given)
  if #given ~= #tag + 17 or string.sub(given, 1, #tag + 1) ~= tag .. '-' then return nil end
  local digits = string.sub(given, #tag + 2)
  return string.match(digits, '^%d+$') and tonumber(digits)
end
"""
)

APPEND: Final = (
    _COMMON
    + """
-- KEYS: topic, records, ids
-- ARGV: now, a tag if it is new, id or '', message, its size, channel,
--       retention: count, size, age in microseconds, each or ''
local key, records, ids = KEYS[1], KEYS[2], KEYS[3]
local given, message, size, channel = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local max_count = tonumber(ARGV[7]) or math.huge
local max_size = tonumber(ARGV[8]) or math.huge

local topic = redis.call('HMGET', key, 'tag', 'last', 'trimmed_to', 'trimmed_id', 'count', 'size')
local tag = topic[1] or ARGV[2]
local last = tonumber(topic[2] or 0)
local trimmed_to, trimmed_id = tonumber(topic[3] or 0), topic[4] or ''
local count, total = tonumber(topic[5] or 0), tonumber(topic[6] or 0)
local now = position_of(seconds(ARGV[1]))
local oldest = ARGV[9] == '' and -1 or now - tonumber(ARGV[9])

if given ~= '' then
  local held = redis.call('HGET', ids, given)
  if held and tonumber(held) > oldest then return {tag, held, 0} end
  if (cursor(tag, given) or 0) > last then return {tag, '0', -1} end
end

local function trim(is_too_much)
  while count > 0 do
    local found = redis.call('XRANGE', records, '(' .. whole(trimmed_to) .. '-0', '+', 'COUNT', 4)
    for _, entry in ipairs(found) do
      local position = tonumber(string.match(entry[1], '^%d+'))
      if not is_too_much(position) then return end
      local id, bytes = entry[2][2], tonumber(entry[2][4])
      redis.call('HDEL', ids, id)
      trimmed_to, trimmed_id = position, id
      count, total = count - 1, total - bytes
    end
  end
end

local before = trimmed_to
if oldest > trimmed_to then trim(function(position) return position <= oldest end) end
local position = math.max(last + 1, now)
local id = given ~= '' and given or tag .. '-' .. string.format('%016.0f', position)
redis.call('XADD', records, whole(position) .. '-0', 'id', id, 'size', size, 'message', message)
redis.call('HSET', ids, id, whole(position))
count, total = count + 1, total + size
trim(function() return count > 1 and (count > max_count or total > max_size) end)
if trimmed_to ~= before then
  redis.call('XTRIM', records, 'MINID', '~', whole(trimmed_to + 1) .. '-0')
end
redis.call('HSET', key, 'tag', tag, 'last', whole(position), 'trimmed_to', whole(trimmed_to),
  'trimmed_id', trimmed_id, 'count', count, 'size', whole(total))
if last == 0 then redis.call('PERSIST', key) end
redis.call('PUBLISH', channel, '')
return {tag, whole(position), 1}
"""
)

READ: Final = (
    _COMMON
    + """
-- KEYS: topic, records, ids
-- ARGV: now, a tag if it is new, '1' if there is an after, after, limit, age or '', patience
local key, records, ids = KEYS[1], KEYS[2], KEYS[3]
local after, limit = ARGV[3] == '1' and ARGV[4], tonumber(ARGV[5])

local topic = redis.call('HMGET', key, 'tag', 'last', 'trimmed_to', 'trimmed_id')
local tag = topic[1]
if not tag then
  -- So that reading can go on from the tail of what is empty, but not kept for ever.
  redis.call('HSET', key, 'tag', ARGV[2])
  redis.call('EXPIRE', key, ARGV[7])
  return {ARGV[2], '0', after and 1 or 0}
end
local last = topic[2] or '0'
local trimmed_to, trimmed_id = tonumber(topic[3] or 0), topic[4] or ''
if ARGV[6] ~= '' then
  local oldest = position_of(seconds(ARGV[1])) - tonumber(ARGV[6])
  if oldest > trimmed_to then
    local found = redis.call('XREVRANGE', records, whole(oldest) .. '-0',
      '(' .. whole(trimmed_to) .. '-0', 'COUNT', 1)
    if found[1] then
      trimmed_to = tonumber(string.match(found[1][1], '^%d+'))
      trimmed_id = found[1][2][2]
    end
  end
end

local begin = trimmed_to
if after then
  local position = cursor(tag, after)
  if position then
    local id = whole(position) .. '-0'
    if position ~= trimmed_to
        and (position < trimmed_to or #redis.call('XRANGE', records, id, id) == 0) then
      begin = nil
    end
  elseif after == trimmed_id and after ~= '' then
    position = trimmed_to
  else
    position = tonumber(redis.call('HGET', ids, after) or -1)
    if position <= trimmed_to then begin = nil end
  end
  begin = begin and position
end

local reply = {tag, last, begin and 0 or 1}
if limit > 0 then
  local found = redis.call('XRANGE', records, '(' .. whole(begin or trimmed_to) .. '-0', '+',
    'COUNT', limit)
  for _, entry in ipairs(found) do
    reply[#reply + 1] = string.match(entry[1], '^%d+')
    reply[#reply + 1] = entry[2][6]
  end
end
return reply
"""
)
