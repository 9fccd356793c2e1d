"""The atomic steps of a queue, which is nine keys of one slot.

- `queue`, a hash: the last number, token and burial.
- `jobs`, a hash: of each open job by its id, all but its data.
- `data`, a hash: the data of each open job.
- `ready`, a sorted set: the jobs that can be claimed, by due time. A member is the number of the
  job, then its id, so that jobs of one due time are in the order in which they were put.
- `leased`, a sorted set: the ids of the jobs that are claimed, by the end of their lease.
- `groups`, a sorted set without scores: the jobs that have a group. A member is the length of the
  group, the group, the number and the id, so that the jobs of a group stand in order.
- `dead`, a sorted set: the ids of dead letters by number; `letters`, a hash: all else of them.
- `done`, a sorted set: the ids that are remembered, by the end of that.
"""

from __future__ import annotations

from typing import Final

from eventproto.engine.redis._lua import NUMBERS

__all__ = [
    "ACK",
    "BURY",
    "CLAIM",
    "DEAD",
    "DEPTH",
    "DISCARD",
    "KEYS",
    "NACK",
    "NEXT_DUE",
    "PUT",
    "REPLAY",
]

KEYS: Final = (
    "queue",
    "jobs",
    "data",
    "ready",
    "leased",
    "groups",
    "dead",
    "letters",
    "done",
)
"""The last parts of the keys, in the order in which the scripts take them."""

_COMMON: Final = (
    NUMBERS
    + """
local queue, jobs, data, ready, leased = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local groups, dead, letters, done = KEYS[6], KEYS[7], KEYS[8], KEYS[9]

local function load(id)
  local packed = redis.call('HGET', jobs, id)
  return packed and cmsgpack.unpack(packed)
end

local function save(id, job) redis.call('HSET', jobs, id, cmsgpack.pack(job)) end

local function wait(id, job) redis.call('ZADD', ready, job.due, job.number .. id) end

local function of_group(group) return #group .. ':' .. group end

local function first_of(group)
  local from = of_group(group)
  local found = redis.call('ZRANGEBYLEX', groups, '[' .. from, '+', 'LIMIT', 0, 1)[1]
  if found and string.sub(found, 1, #from) == from then return string.sub(found, #from + 17) end
end

local function open(id, content, group, due)
  local job = {
    number = string.format('%016.0f', redis.call('HINCRBY', queue, 'number', 1)),
    due = due, attempt = 0, token = 0, group = group,
  }
  local blocked = group ~= '' and first_of(group)
  if group ~= '' then redis.call('ZADD', groups, 0, of_group(group) .. job.number .. id) end
  redis.call('HSET', data, id, content)
  save(id, job)
  if not blocked then wait(id, job) end
end

local function close(id, job)
  redis.call('HDEL', jobs, id)
  redis.call('HDEL', data, id)
  redis.call('ZREM', leased, id)
  redis.call('ZREM', ready, job.number .. id)
  if job.group ~= '' then
    redis.call('ZREM', groups, of_group(job.group) .. job.number .. id)
    local next_id = first_of(job.group)
    if next_id then wait(next_id, load(next_id)) end
  end
end

-- The job, if the claim with this token still counts.
local function claimed(id, token)
  local job = load(id)
  return job and job.token == tonumber(token) and job
end
"""
)

PUT: Final = (
    _COMMON
    + """
-- ARGV: now, id, data, due or '', group or '', channel
local now, id = seconds(ARGV[1]), ARGV[2]
redis.call('ZREMRANGEBYSCORE', done, '-inf', text(now))
if redis.call('HEXISTS', jobs, id) == 1 or redis.call('HEXISTS', letters, id) == 1
    or redis.call('ZSCORE', done, id) then
  return 0
end
open(id, ARGV[3], ARGV[5], ARGV[4] ~= '' and ARGV[4] or text(now))
redis.call('PUBLISH', ARGV[6], '')
return 1
"""
)

CLAIM: Final = (
    _COMMON
    + """
-- ARGV: now, n, lease
local now, n = seconds(ARGV[1]), tonumber(ARGV[2])
local expires = text(now + tonumber(ARGV[3]))
repeat
  local lost = redis.call('ZRANGEBYSCORE', leased, '-inf', text(now), 'LIMIT', 0, 100)
  for _, id in ipairs(lost) do
    redis.call('ZREM', leased, id)
    wait(id, load(id))
  end
until #lost == 0
local reply = {expires}
local token = math.max(tonumber(redis.call('HGET', queue, 'token') or 0), position_of(now) - 1)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', ready, '-inf', text(now), 'LIMIT', 0, n)) do
  local id = string.sub(member, 17)
  local job = load(id)
  job.attempt = job.attempt + 1
  token = token + 1
  job.token = token
  save(id, job)
  redis.call('ZREM', ready, member)
  redis.call('ZADD', leased, expires, id)
  reply[#reply + 1] = {id, redis.call('HGET', data, id), job.group, job.attempt, job.token}
end
if #reply > 1 then redis.call('HSET', queue, 'token', whole(token)) end
return reply
"""
)

ACK: Final = (
    _COMMON
    + """
-- ARGV: now, id, token, channel, remember
local now, id, remember = seconds(ARGV[1]), ARGV[2], tonumber(ARGV[5])
local job = claimed(id, ARGV[3])
if not job then return 0 end
close(id, job)
redis.call('ZREMRANGEBYSCORE', done, '-inf', text(now))
if remember > 0 then redis.call('ZADD', done, text(now + remember), id) end
if job.group ~= '' then redis.call('PUBLISH', ARGV[4], '') end
return 1
"""
)

NACK: Final = (
    _COMMON
    + """
-- ARGV: '', id, token, channel, due, '1' if there is data, data
local id = ARGV[2]
local job = claimed(id, ARGV[3])
if not job then return 0 end
redis.call('ZREM', leased, id)
redis.call('ZREM', ready, job.number .. id)
job.token, job.due = 0, ARGV[5]
save(id, job)
if ARGV[6] == '1' then redis.call('HSET', data, id, ARGV[7]) end
wait(id, job)
redis.call('PUBLISH', ARGV[4], '')
return 1
"""
)

BURY: Final = (
    _COMMON
    + """
-- ARGV: now, id, token, channel, reason
local now, id = seconds(ARGV[1]), ARGV[2]
local job = claimed(id, ARGV[3])
if not job then return 0 end
local letter = {
  data = redis.call('HGET', data, id),
  group = job.group, attempt = job.attempt, reason = ARGV[5], at = text(now),
}
close(id, job)
redis.call('ZADD', dead, redis.call('HINCRBY', queue, 'burial', 1), id)
redis.call('HSET', letters, id, cmsgpack.pack(letter))
redis.call('PUBLISH', ARGV[4], '')
return 1
"""
)

NEXT_DUE: Final = (
    _COMMON
    + """
local found
for _, set in ipairs({ready, leased}) do
  local when = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  if when and (not found or tonumber(when) < tonumber(found)) then found = when end
end
return found
"""
)

DEPTH: Final = (
    _COMMON
    + """
return {redis.call('HLEN', jobs), redis.call('ZCARD', dead)}
"""
)

DEAD: Final = (
    _COMMON
    + """
-- ARGV: after, limit
local reply = {}
local found = redis.call('ZRANGEBYSCORE', dead, '(' .. ARGV[1], '+inf', 'WITHSCORES',
  'LIMIT', 0, ARGV[2])
for place = 1, #found, 2 do
  local id = found[place]
  local letter = cmsgpack.unpack(redis.call('HGET', letters, id))
  reply[#reply + 1] = {found[place + 1], id, letter.data, letter.group, letter.attempt,
    letter.reason, letter.at}
end
return reply
"""
)

REPLAY: Final = (
    _COMMON
    + """
-- ARGV: now, first, last, channel
local now = text(seconds(ARGV[1]))
local found = redis.call('ZRANGEBYSCORE', dead, ARGV[2], ARGV[3])
for _, id in ipairs(found) do
  local letter = cmsgpack.unpack(redis.call('HGET', letters, id))
  redis.call('HDEL', letters, id)
  open(id, letter.data, letter.group, now)
end
redis.call('ZREMRANGEBYSCORE', dead, ARGV[2], ARGV[3])
if #found > 0 then redis.call('PUBLISH', ARGV[4], '') end
return #found
"""
)

DISCARD: Final = (
    _COMMON
    + """
-- ARGV: first, last
for _, id in ipairs(redis.call('ZRANGEBYSCORE', dead, ARGV[1], ARGV[2])) do
  redis.call('HDEL', letters, id)
end
return redis.call('ZREMRANGEBYSCORE', dead, ARGV[1], ARGV[2])
"""
)
