-- Does what one batch of one writer comes to, once.
--
-- KEYS: the last number of the writer; then those that steps name by their place.
-- ARGV: the number, the last that is known to be applied, whether this one was sent before, the expiry in s, that of the
--   writer's number; then the steps: what ('i'ncrease, 's'et, 'd'elete), the place of its key, the field, or '' where the
--   key has no labels, the amount.
-- Gives the keys that hold something else, and those that did not take a number, each with what Redis says.
local writer, number, acked = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local last = redis.call('GET', writer)
if last and tonumber(last) >= number then return {'again'} end
-- The first command that writes is refused as a whole where the server takes no writes.
redis.call('SET', writer, ARGV[1], 'EX', ARGV[5])
local function refuse(answer)
  if last then redis.call('SET', writer, last, 'EX', ARGV[5]) else redis.call('DEL', writer) end
  return answer
end
-- A user who may not do what comes below is told here, before anything counts; who may, that this is no hash.
for _, command in ipairs({{'HINCRBYFLOAT', writer, 'x', '0'}, {'HSET', writer, 'x', '0'}, {'HDEL', writer, 'x'}}) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == 'table' and answer.err and not string.find(answer.err, 'WRONGTYPE') then return refuse(answer) end
end
for _, command in ipairs({{'INCRBYFLOAT', writer, '0'}, {'EXPIRE', writer, ARGV[5]}}) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == 'table' and answer.err then return refuse(answer) end
end
-- It may be in the numbers or not: rather not at all than twice.
if not last and acked > 0 and ARGV[3] == '1' then return {'lost'} end

local kinds, touched, wrong, failed = {}, {}, {}, {}
local is_begun = false
for at = 6, #ARGV, 4 do
  local what, place, field, amount = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local key, right = KEYS[place], field == '' and 'string' or 'hash'
  kinds[place] = kinds[place] or redis.call('TYPE', key).ok
  if kinds[place] ~= 'none' and kinds[place] ~= right then
    wrong[#wrong + 1] = key
  else
    local answer
    if what == 'd' then
      answer = field == '' and redis.pcall('DEL', key) or field ~= '' and redis.pcall('HDEL', key, field)
    elseif field == '' then
      answer = redis.pcall(what == 'i' and 'INCRBYFLOAT' or 'SET', key, amount)
    else
      answer = redis.pcall(what == 'i' and 'HINCRBYFLOAT' or 'HSET', key, field, amount)
    end
    if type(answer) == 'table' and answer.err then
      local is_number = string.find(answer.err, 'float') or string.find(answer.err, 'Infinity')
      if not is_number and not is_begun then return refuse(answer) end
      failed[#failed + 1] = key
      failed[#failed + 1] = answer.err
    else
      is_begun = true
      kinds[place] = what ~= 'd' and right or nil
      touched[key] = true
    end
  end
end
for key in pairs(touched) do redis.call('EXPIRE', key, ARGV[4]) end
return {'done', wrong, failed}
