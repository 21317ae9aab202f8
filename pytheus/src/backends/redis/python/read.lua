-- Reads what is at keys, all at one moment, and keeps them for another while, as Python's scrapes do.
--
-- KEYS: any. ARGV: the expiry in s. Gives for each its type, and what it holds.
local all = {}
for i, key in ipairs(KEYS) do
  local kind, value = redis.call('TYPE', key).ok, ''
  if kind == 'string' then
    value = redis.call('GET', key)
  elseif kind == 'hash' then
    value = redis.call('HGETALL', key)
  end
  -- Not where the server takes no writes.
  if kind == 'string' or kind == 'hash' then redis.pcall('EXPIRE', key, ARGV[1]) end
  all[i] = {kind, value}
end
return all
