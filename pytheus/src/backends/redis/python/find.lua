-- Finds under which field each series is kept.
--
-- KEYS: of each series. ARGV: for each, how many fields there may be, and those.
-- Gives for each the place of the first that is there, or 0 and any other field.
local answers, at = {}, 1
for i, key in ipairs(KEYS) do
  local count, found, sample = tonumber(ARGV[at]), 0, ''
  if redis.call('TYPE', key).ok == 'hash' then
    for place = 1, count do
      if redis.call('HEXISTS', key, ARGV[at + place]) == 1 then
        found = place
        break
      end
    end
    if found == 0 then sample = redis.call('HSCAN', key, 0, 'COUNT', 10)[2][1] or '' end
  end
  answers[i] = {found, sample}
  at = at + count + 1
end
return answers
