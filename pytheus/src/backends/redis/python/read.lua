-- Reads keys as one snapshot, and starts their time to live over, as Python's scrapes do.
--
-- KEYS: any. ARGV: the time to live in s. Returns the type and contents of each.
local all = {}
for i, key in ipairs(KEYS) do
  local kind, value = redis.call('TYPE', key).ok, ''
  if kind == 'string' then
    value = redis.call('GET', key)
  elseif kind == 'hash' then
    value = redis.call('HGETALL', key)
  end
  -- A server that accepts no writes refuses this.
  if kind == 'string' or kind == 'hash' then redis.pcall('EXPIRE', key, ARGV[1]) end
  all[i] = {kind, value}
end
return all
