-- Applies one batch of one writer to one partition, exactly once; or refuses it, and changes nothing.
--
-- KEYS: the writers, the liveness set, the families, the writer's own values, its declarations; then those of the families.
-- ARGV: the writer, its last acknowledged sequence number, that of this batch (the same number only renews the lease), its
--   lease in ms, the time to live in s, the version of the schema, a generation for new hashes, its process id, and a mode:
--   '1' where the writer's own keys should exist, '0' where they may not, 'recovery' for another process in its name, which
--   requires the acknowledged number to be the last.
--   Then the families: id, declaration or '', known generation or '', index of its key, mode ('h'ash, 'o'wn, 'r'emoval), when
--   it was begun in us or '', number of operations, and these: code, field, amount.
local writers, alive, families, own, declared = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local writer, acked, seq = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, retention, mode = tonumber(ARGV[4]), ARGV[5], ARGV[9]
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local clock = math.floor(micros / 1000)
local now = string.format('%.0f', clock)

-- Redis does not roll back a script that fails halfway. Everything is validated before the first write.
for i, key in ipairs(KEYS) do
  local kind, right = redis.call('TYPE', key).ok, i == 2 and 'zset' or 'hash'
  if kind ~= 'none' and kind ~= right then return {'type', now, key, kind} end
end
local version = redis.call('HGET', writers, 'schema')
if version and version ~= ARGV[6] then return {'schema', now, version} end

local headers, at = {}, 10
while at <= #ARGV do
  headers[#headers + 1] = at
  at = at + 7 + 3 * tonumber(ARGV[at + 6])
end

-- Returns whether an operation can add to the present value.
local function can_add(code, found)
  if not found then return true end
  if code == 'f' then
    return tonumber(found) and (string.find(found, '^[%d.eE+-]+$') or string.find(found, '^[+-]?[in][na][fn]$'))
  end
  local sign, digits = string.match(found, '^(-?)([1-9]%d*)$')
  local most = sign == '-' and '9223372036854775808' or '9223372036854775807'
  return found == '0' or digits and (#digits < 19 or #digits == 19 and digits <= most)
end

local last = redis.call('HGET', writers, writer)
if last and not tonumber(last) then return {'value', now, writers, writer, last} end
local applied = last and seq > acked and tonumber(last) >= seq
if mode == '1' and redis.call('EXISTS', own, declared) < 2 then return {'data_loss', now} end
if not applied then
  if not last and acked > 0 or last and tonumber(last) < acked then return {'data_loss', now} end
  if mode == 'recovery' and tonumber(last or 0) ~= acked then return {'data_loss', now} end
  for _, at in ipairs(headers) do
    local key, from, most = KEYS[tonumber(ARGV[at + 3])], at + 7, at + 4 + 3 * tonumber(ARGV[at + 6])
    if ARGV[at + 4] == 'h' and ARGV[at + 2] ~= ''
      and redis.call('HGET', key, '#') ~= ARGV[at + 2] then
      return {'data_loss', now}
    end
    for first = from, most, 3000 do
      local codes, fields = {}, {}
      for op = first, math.min(first + 2997, most), 3 do
        if ARGV[op] == 'i' or ARGV[op] == 'f' then
          codes[#codes + 1], fields[#fields + 1] = ARGV[op], ARGV[op + 1]
        end
      end
      local found = #fields > 0 and redis.call('HMGET', key, unpack(fields)) or {}
      for i, code in ipairs(codes) do
        if not can_add(code, found[i]) then return {'value', now, key, fields[i], found[i]} end
      end
    end
  end
end

-- A server that accepts no writes refuses the script here, at its first one.
redis.call('HSET', writers, 'schema', ARGV[6])
redis.call('ZADD', alive, clock + lease, writer)
for _, key in ipairs({own, declared}) do
  redis.call('HSET', key, '#', ARGV[8])
  redis.call('PEXPIRE', key, lease)
end
redis.call('EXPIRE', writers, retention)
redis.call('EXPIRE', alive, retention)
redis.call('EXPIRE', families, retention)
-- A user without the permissions for the operations below is refused here, before any count changes.
redis.call('HSETNX', own, '#', ARGV[8])
redis.call('HINCRBY', own, '', 0)
redis.call('HDEL', own, '')
if seq > acked and not applied then redis.call('HSET', writers, writer, seq) end

-- Adds in binary: rounds as any process does, and takes infinities.
local function add(key, field, amount)
  local sum = tonumber(redis.call('HGET', key, field) or '0') + tonumber(amount)
  redis.call('HSET', key, field, string.format('%.17g', sum))
end

-- Returns whether a new value replaces the old one; each is a number, a space, and the time when it was set. The later one
-- wins; at equal times the greater one, and any number over NaN (as in `GaugeAggregate`). Times are compared as texts: they have
-- more digits than a number of Lua.
local function is_later(new, old)
  local value, time = string.match(new, '^(%S+) (%d+)$')
  local known, known_time = string.match(old or '', '^(%S+) (%d+)$')
  value, known = tonumber(value), tonumber(known)
  if not known then return true end
  if #time ~= #known_time then return #time > #known_time end
  if time ~= known_time then return time > known_time end
  return value > known or known ~= known and value == value
end

-- Splits a 64-bit integer into halves: numbers of Lua are exact up to 2^53.
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

-- Adds like HINCRBY, but wraps around in two's complement: counts go on to 2^64.
local function wrapping_add(key, field, amount)
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

local generations, times = {}, {}
for i, at in ipairs(headers) do
  local family, key, kind = ARGV[at], KEYS[tonumber(ARGV[at + 3])], ARGV[at + 4]
  if ARGV[at + 1] ~= '' then
    local known = tonumber(redis.call('HGET', families, '@' .. family) or '')
    local begun = applied and known or tonumber(ARGV[at + 5]) or micros + i
    times[#times + 1], times[#times + 2] = family, string.format('%.0f', begun)
    if not applied then
      redis.call('HSETNX', families, family, ARGV[at + 1])
      if not known or begun > known then redis.call('HSET', families, '@' .. family, times[#times]) end
      if mode ~= 'recovery' then redis.call('HSET', declared, family, '1') end
    end
  end
  if kind == 'h' and ARGV[at + 2] == '' then
    if not applied and redis.call('HSETNX', key, '#', ARGV[7]) == 1 then redis.call('EXPIRE', key, retention) end
    generations[#generations + 1] = family
    -- Empty for a duplicate whose hash is gone since.
    generations[#generations + 1] = redis.call('HGET', key, '#') or ''
  end
  if not applied then
    local from = at + 7
    for op = from, from + 3 * tonumber(ARGV[at + 6]) - 1, 3 do
      local code, field, amount = ARGV[op], ARGV[op + 1], ARGV[op + 2]
      if code == 'i' then
        -- HINCRBY refuses sums above 2^63.
        if type(redis.pcall('HINCRBY', key, field, amount)) == 'table' then wrapping_add(key, field, amount) end
      elseif code == 'f' then add(key, field, amount)
      elseif code == 's' then redis.call('HSET', key, field, amount)
      elseif code == 'm' then
        if is_later(amount, redis.call('HGET', key, field)) then redis.call('HSET', key, field, amount) end
      elseif code == 'x' then redis.call('HSETNX', key, field, amount)
      elseif code == 'd' then redis.call('HDEL', key, field)
      end
    end
  end
end
-- Forgets writers that have been silent for a day, or for 31 days if they have a spool: by then, no batch of theirs is in
-- flight. (A deregistered writer counts as silent for 23 hours.)
if seq == acked then
  local day = 86400000
  local silent = redis.call('ZRANGEBYSCORE', alive, '-inf', clock - day, 'WITHSCORES', 'LIMIT', 0, 500)
  for i = 1, #silent, 2 do
    local ended, has_spool = silent[i], string.sub(silent[i], 1, 1) == 's'
    if not has_spool or tonumber(silent[i + 1]) < clock - 31 * day then
      redis.call('HDEL', writers, ended)
      redis.call('ZREM', alive, ended)
    end
  end
end
return {applied and 'duplicate' or 'applied', now, generations, times}
