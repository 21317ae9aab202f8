-- Applies one batch of one writer to one shard, once, or says why not and changes nothing.
--
-- KEYS: the writers, who is alive, the families, what is the writer's own, what it declares; then a hash for each group that
--   has one.
-- ARGV: the writer, the number it knows to be applied, the number of this one (the same where it only says that it lives),
--   its lease in ms, the expiry in s, the layout, a new incarnation, its process number, whether it had keys of its own, or
--   'heir': another one goes on as that writer, unless it has gone on itself;
--   then the groups: family, its schema or '', the incarnation that is known or '', the place of its key, its mode
--   ('h'ash, 'o'wn, 'r'emoval), when it was begun in µs or '', the number of steps, and those: what, field, amount.
local writers, alive, families, own, declared = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local writer, expected, number = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, expiry = tonumber(ARGV[4]), ARGV[5]
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local clock = math.floor(micros / 1000)
local now = string.format('%.0f', clock)

-- A command that fails half way would leave the half before it: so all that can be wrong is looked at first.
for i, key in ipairs(KEYS) do
  local kind, right = redis.call('TYPE', key).ok, i == 2 and 'zset' or 'hash'
  if kind ~= 'none' and kind ~= right then return {'type', now, key, kind} end
end
local layout = redis.call('HGET', writers, 'layout')
if layout and layout ~= ARGV[6] then return {'layout', now, layout} end

local groups, at = {}, 10
while at <= #ARGV do
  groups[#groups + 1] = at
  at = at + 7 + 3 * tonumber(ARGV[at + 6])
end

-- Can a step add to what is there?
local function takes(what, found)
  if not found then return true end
  if what == 'f' then
    return tonumber(found) and (string.find(found, '^[%d.eE+-]+$') or string.find(found, '^[+-]?[in][na][fn]$'))
  end
  local sign, digits = string.match(found, '^(-?)([1-9]%d*)$')
  local most = sign == '-' and '9223372036854775808' or '9223372036854775807'
  return found == '0' or digits and (#digits < 19 or #digits == 19 and digits <= most)
end

local last = redis.call('HGET', writers, writer)
if last and not tonumber(last) then return {'value', now, writers, writer, last} end
local applied = last and number > expected and tonumber(last) >= number
if ARGV[9] == '1' and redis.call('EXISTS', own, declared) < 2 then return {'lost', now} end
if not applied then
  if not last and expected > 0 or last and tonumber(last) < expected then return {'lost', now} end
  if ARGV[9] == 'heir' and tonumber(last or 0) ~= expected then return {'lost', now} end
  for _, at in ipairs(groups) do
    local key, from, most = KEYS[tonumber(ARGV[at + 3])], at + 7, at + 4 + 3 * tonumber(ARGV[at + 6])
    if ARGV[at + 4] == 'h' and ARGV[at + 2] ~= ''
      and redis.call('HGET', key, '#') ~= ARGV[at + 2] then
      return {'lost', now}
    end
    for first = from, most, 3000 do
      local whats, fields = {}, {}
      for step = first, math.min(first + 2997, most), 3 do
        if ARGV[step] == 'i' or ARGV[step] == 'f' then
          whats[#whats + 1], fields[#fields + 1] = ARGV[step], ARGV[step + 1]
        end
      end
      local found = #fields > 0 and redis.call('HMGET', key, unpack(fields)) or {}
      for place, what in ipairs(whats) do
        if not takes(what, found[place]) then return {'value', now, key, fields[place], found[place]} end
      end
    end
  end
end

-- The first command that writes is refused as a whole where the server takes no writes.
redis.call('HSET', writers, 'layout', ARGV[6])
redis.call('ZADD', alive, clock + lease, writer)
for _, key in ipairs({own, declared}) do
  redis.call('HSET', key, '#', ARGV[8])
  redis.call('PEXPIRE', key, lease)
end
redis.call('EXPIRE', writers, expiry)
redis.call('EXPIRE', alive, expiry)
redis.call('EXPIRE', families, expiry)
-- A user who may not do what comes below is told here, before anything counts.
redis.call('HSETNX', own, '#', ARGV[8])
redis.call('HINCRBY', own, '', 0)
redis.call('HDEL', own, '')
if number > expected and not applied then redis.call('HSET', writers, writer, number) end

-- In binary, so that it is rounded as a sum of any process is, and takes infinities.
local function add(key, field, amount)
  local sum = tonumber(redis.call('HGET', key, field) or '0') + tonumber(amount)
  redis.call('HSET', key, field, string.format('%.17g', sum))
end

-- A value and when it was set, side by side: whether the new ones take the place of the old ones. The later value does; of
-- equal times the greater one, and any number in place of NaN (as `GaugeAggregate` has it). A time has more digits than fit a
-- number here.
local function is_later(new, old)
  local value, time = string.match(new, '^(%S+) (%d+)$')
  local known, before = string.match(old or '', '^(%S+) (%d+)$')
  value, known = tonumber(value), tonumber(known)
  if not known then return true end
  if #time ~= #before then return #time > #before end
  if time ~= before then return time > before end
  return value > known or known ~= known and value == value
end

-- A whole number of 64 bits, as two of 32: scripts have no greater ones than 2^53.
local half = 4294967296
local function halves(text)
  local high, low = 0, 0
  for digit in string.gmatch(text, '%d') do
    low = low * 10 + tonumber(digit)
    high = (high * 10 + math.floor(low / half)) % half
    low = low % half
  end
  if string.sub(text, 1, 1) == '-' then
    high, low = (half - high - (low > 0 and 1 or 0)) % half, (half - low) % half
  end
  return high, low
end

-- Adds as HINCRBY does, but in two's complement: a count goes on to 2^64.
local function wrap(key, field, amount)
  local high, low = halves(redis.call('HGET', key, field))
  local more, rest = halves(amount)
  low = low + rest
  high = (high + more + math.floor(low / half)) % half
  low = low % half
  local sign, digits = '', ''
  if high >= half / 2 then
    sign, high, low = '-', (half - high - (low > 0 and 1 or 0)) % half, (half - low) % half
  end
  repeat
    low = low + high % 10 * half
    high = math.floor(high / 10)
    digits = string.format('%.0f', low % 10) .. digits
    low = math.floor(low / 10)
  until high == 0 and low == 0
  redis.call('HSET', key, field, sign .. digits)
end

local incarnations, times = {}, {}
for place, at in ipairs(groups) do
  local family, key, mode = ARGV[at], KEYS[tonumber(ARGV[at + 3])], ARGV[at + 4]
  if ARGV[at + 1] ~= '' then
    local known = tonumber(redis.call('HGET', families, '@' .. family) or '')
    local begun = applied and known or tonumber(ARGV[at + 5]) or micros + place
    times[#times + 1], times[#times + 2] = family, string.format('%.0f', begun)
    if not applied then
      redis.call('HSETNX', families, family, ARGV[at + 1])
      if not known or begun > known then redis.call('HSET', families, '@' .. family, times[#times]) end
      if ARGV[9] ~= 'heir' then redis.call('HSET', declared, family, '1') end
    end
  end
  if mode == 'h' and ARGV[at + 2] == '' then
    if not applied and redis.call('HSETNX', key, '#', ARGV[7]) == 1 then redis.call('EXPIRE', key, expiry) end
    incarnations[#incarnations + 1] = family
    -- None where it was applied, and is gone since.
    incarnations[#incarnations + 1] = redis.call('HGET', key, '#') or ''
  end
  if not applied then
    local from = at + 7
    for step = from, from + 3 * tonumber(ARGV[at + 6]) - 1, 3 do
      local what, field, amount = ARGV[step], ARGV[step + 1], ARGV[step + 2]
      if what == 'i' then
        -- All that it refuses is what would be greater than 2^63.
        if type(redis.pcall('HINCRBY', key, field, amount)) == 'table' then wrap(key, field, amount) end
      elseif what == 'f' then add(key, field, amount)
      elseif what == 's' then redis.call('HSET', key, field, amount)
      elseif what == 'm' then
        if is_later(amount, redis.call('HGET', key, field)) then redis.call('HSET', key, field, amount) end
      elseif what == 'x' then redis.call('HSETNX', key, field, amount)
      elseif what == 'd' then redis.call('HDEL', key, field)
      end
    end
  end
end
-- A writer that has been silent for a day is not expected to repeat anything; nor is one that has a spool after a month.
-- (Who says farewell is taken for one that has been silent for 23 hours.)
if number == expected then
  local day = 86400000
  local silent = redis.call('ZRANGEBYSCORE', alive, '-inf', clock - day, 'WITHSCORES', 'LIMIT', 0, 500)
  for i = 1, #silent, 2 do
    local dead, spooled = silent[i], string.sub(silent[i], 1, 1) == 's'
    if not spooled or tonumber(silent[i + 1]) < clock - 31 * day then
      redis.call('HDEL', writers, dead)
      redis.call('ZREM', alive, dead)
    end
  end
end
return {applied and 'again' or 'done', now, incarnations, times}
