-- Finds the field of each series.
--
-- KEYS: a key per series. ARGV: per series, the number of possible fields, and these.
-- Returns per series the index of the first field that exists; or 0, and any other field of its key.
local answers, at = {}, 1
for i, key in ipairs(KEYS) do
  local count, found, sample = tonumber(ARGV[at]), 0, ''
  if redis.call('TYPE', key).ok == 'hash' then
    for index = 1, count do
      if redis.call('HEXISTS', key, ARGV[at + index]) == 1 then
        found = index
        break
      end
    end
    if found == 0 then sample = redis.call('HSCAN', key, 0, 'COUNT', 10)[2][1] or '' end
  end
  answers[i] = {found, sample}
  at = at + count + 1
end
return answers
