-- Applies one errand of one writer to one shard, once, or says why not and changes nothing.
--
-- KEYS: the writers, who is alive, the families, what is the writer's own; then a hash for each group that has one.
-- ARGV: the writer, the number it knows to be applied, the number of this one (the same where it only says that it lives),
--   its lease in ms, the expiry in s, the layout, a new incarnation, its process number, whether it had a key of its own, or
--   'heir': another one goes on as that writer, unless it has gone on itself;
--   then the groups: family, its schema or '', the incarnation that is known or '', the place of its key, its mode
--   ('h'ash, 'o'wn, 'r'emoval), the number of steps, and those: what, field, amount.
local writers, alive, families, own = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local writer, expected, number = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, expiry = tonumber(ARGV[4]), ARGV[5]
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
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
  local steps = tonumber(ARGV[at + 5])
  groups[#groups + 1] = at
  at = at + 6 + 3 * steps
end

local last = redis.call('HGET', writers, writer)
local applied = last and number > expected and tonumber(last) >= number
if ARGV[9] == '1' and redis.call('EXISTS', own) == 0 then return {'lost', now} end
if not applied then
  if not last and expected > 0 or last and tonumber(last) < expected then return {'lost', now} end
  if ARGV[9] == 'heir' and tonumber(last or 0) ~= expected then return {'lost', now} end
  local differ = {}
  for _, at in ipairs(groups) do
    if ARGV[at + 4] == 'h' and ARGV[at + 2] ~= ''
      and redis.call('HGET', KEYS[tonumber(ARGV[at + 3])], '#') ~= ARGV[at + 2] then
      return {'lost', now}
    end
    if ARGV[at + 1] ~= '' then
      local known = redis.call('HGET', families, ARGV[at])
      if known and known ~= ARGV[at + 1] then
        differ[#differ + 1] = ARGV[at]
        differ[#differ + 1] = known
      end
    end
  end
  if #differ > 0 then return {'schema', now, differ} end
end

-- The first command that writes is refused as a whole where the server takes no writes.
redis.call('HSET', writers, 'layout', ARGV[6])
redis.call('ZADD', alive, clock + lease, writer)
redis.call('HSET', own, '#', ARGV[8])
redis.call('PEXPIRE', own, lease)
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
  local sum = (tonumber(redis.call('HGET', key, field) or '0') or 0) + tonumber(amount)
  redis.call('HSET', key, field, string.format('%.17g', sum))
end

-- A value and when it was set, side by side: whether the new ones take the place of the old ones. The later value does; of
-- equal times the greater one, and any number in place of NaN (as `Aggregate` has it). A time has more digits than fit a
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

local incarnations = {}
for _, at in ipairs(groups) do
  local family, key, mode = ARGV[at], KEYS[tonumber(ARGV[at + 3])], ARGV[at + 4]
  if not applied and ARGV[at + 1] ~= '' then
    redis.call('HSETNX', families, family, ARGV[at + 1])
  end
  if mode == 'h' and ARGV[at + 2] == '' then
    if not applied and redis.call('HSETNX', key, '#', ARGV[7]) == 1 then redis.call('EXPIRE', key, expiry) end
    incarnations[#incarnations + 1] = family
    -- None where it was applied, and is gone since.
    incarnations[#incarnations + 1] = redis.call('HGET', key, '#') or ''
  end
  if not applied then
    local from = at + 6
    for step = from, from + 3 * tonumber(ARGV[at + 5]) - 1, 3 do
      local what, field, amount = ARGV[step], ARGV[step + 1], ARGV[step + 2]
      if what == 'i' then
        -- What is no number, or would be too great for one, begins anew.
        if type(redis.pcall('HINCRBY', key, field, amount)) == 'table' then redis.call('HSET', key, field, amount) end
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
return {applied and 'again' or 'done', now, incarnations}
