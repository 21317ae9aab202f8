-- Applies one batch of one writer, exactly once while Redis keeps its data.
--
-- KEYS: the writer's sequence number; then the keys of the operations.
-- ARGV: the sequence number of the batch, the last acknowledged one, '1' if this batch may have been applied, the time to
--   live in s of keys, and of the sequence number; then the operations: code ('i'ncrease, 's'et, 'd'elete), index of the key,
--   field, or '' for a key without labels, amount.
-- Returns the keys of another type, and the keys that refused a number, each with Redis' error.
local writer, seq, acked = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local last = redis.call('GET', writer)
if last and tonumber(last) >= seq then return {'duplicate'} end
-- A server that accepts no writes refuses the script here, at its first one.
redis.call('SET', writer, ARGV[1], 'EX', ARGV[5])
local function refuse(answer)
  if last then redis.call('SET', writer, last, 'EX', ARGV[5]) else redis.call('DEL', writer) end
  return answer
end
-- A user without the permissions for the operations below is refused here, before any count changes. With them, the error
-- is that the key is no hash.
for _, command in ipairs({{'HINCRBYFLOAT', writer, 'x', '0'}, {'HSET', writer, 'x', '0'}, {'HDEL', writer, 'x'}}) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == 'table' and answer.err and not string.find(answer.err, 'WRONGTYPE') then return refuse(answer) end
end
for _, command in ipairs({{'INCRBYFLOAT', writer, '0'}, {'EXPIRE', writer, ARGV[5]}}) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == 'table' and answer.err then return refuse(answer) end
end
-- The number is lost, and the counts may include this batch: at most once, then.
if not last and acked > 0 and ARGV[3] == '1' then return {'missed'} end

local kinds, touched, wrong, failed = {}, {}, {}, {}
local is_begun = false
for at = 6, #ARGV, 4 do
  local code, index, field, amount = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local key, right = KEYS[index], field == '' and 'string' or 'hash'
  kinds[index] = kinds[index] or redis.call('TYPE', key).ok
  if kinds[index] ~= 'none' and kinds[index] ~= right then
    wrong[#wrong + 1] = key
  else
    local answer
    if code == 'd' then
      answer = field == '' and redis.pcall('DEL', key) or field ~= '' and redis.pcall('HDEL', key, field)
    elseif field == '' then
      answer = redis.pcall(code == 'i' and 'INCRBYFLOAT' or 'SET', key, amount)
    else
      answer = redis.pcall(code == 'i' and 'HINCRBYFLOAT' or 'HSET', key, field, amount)
    end
    if type(answer) == 'table' and answer.err then
      local is_number = string.find(answer.err, 'float') or string.find(answer.err, 'Infinity')
      if not is_number and not is_begun then return refuse(answer) end
      failed[#failed + 1] = key
      failed[#failed + 1] = answer.err
    else
      is_begun = true
      kinds[index] = code ~= 'd' and right or nil
      touched[key] = true
    end
  end
end
for key in pairs(touched) do redis.call('EXPIRE', key, ARGV[4]) end
return {'applied', wrong, failed}
