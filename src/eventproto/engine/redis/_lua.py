"""What every script begins with."""

from __future__ import annotations

from typing import Final

__all__ = ["NUMBERS"]

NUMBERS: Final = """
-- The time that was passed, or that of the server.
local function seconds(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

-- A number as text, to the last bit: what goes back to the client would be cut to an integer.
local function text(number) return string.format('%.17g', number) end

local function whole(number) return string.format('%.0f', number) end

-- See eventproto.engine._cursors.
local function position_of(time) return math.max(0, math.min(math.floor(time * 1e6), 2^53 - 1)) end
"""
