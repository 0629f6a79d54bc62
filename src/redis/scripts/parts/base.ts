/**
 * Where everything is, and what time it is. All keys of a store have one hash tag and so are in one slot of a cluster: one script
 * sees a job, its idempotency key, its group and the indexes together. They are built here from the one root that is declared.
 *
 * ```
 * {gen}:job:<jobId>           hash    the record; `unlogged`: its cancel is not in the log yet; `viewed`: it has had viewers
 * {gen}:log:<jobId>           list    its events in blocks, but the terminal one, which stands in the record: lastEvent, number lastSeq
 * {gen}:viewers:<jobId>       zset    viewers on all nodes, each until its time is over
 * {gen}:key:<owner, key>      string  the job of an idempotency key
 * {gen}:live:<owner, group>   zset    live jobs of a group
 * {gen}:jobs                  zset    all jobs in the order of creation; likewise :owner:<owner> and :group:<group>
 * {gen}:leases                zset    live jobs by the end of their lease; one that only a queue has by its deadline
 * {gen}:settled               zset    settled jobs by the end of their retention
 * ```
 */
export function keysOf(root: string, jobId: string) {
  return { job: `${root}:job:${jobId}`, log: `${root}:log:${jobId}` }
}

/** {@link keysOf} for scripts, and what time it is. */
export const BASE = `
local root, channel, sender = KEYS[1], ARGV[1], ARGV[2]
local lease_ms = tonumber(ARGV[3])

-- The server's time, for all nodes the same one. ARGV[4] is 0 but in tests that own time.
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2] + ARGV[4] * 1000
local now = math.floor(micros / 1000)

local function job_key(id) return root .. ':job:' .. id end
local function log_key(id) return root .. ':log:' .. id end
local function viewers_key(id) return root .. ':viewers:' .. id end
local function owner_key(owner) return root .. ':owner:' .. owner end
local function group_key(group) return root .. ':group:' .. group end
local indexes = {}
local function index(name)
  if not indexes[name] then indexes[name] = root .. ':' .. name end
  return indexes[name]
end

-- Remembered: a script writes the same instants several times, and formatting one costs as much as a small command. Spans and
-- sequence numbers fit into what is formatted in half the time.
local texts = {}
local function int(n)
  if n < 2147483648 and n > -2147483648 then return string.format('%d', n) end
  local text = texts[n]
  if not text then
    text = string.format('%.0f', n)
    texts[n] = text
  end
  return text
end

-- How long keys outlive the last sign of life: nobody is left to sweep them then.
local BACKSTOP = 3600000
-- Every key gets a time to live from the script that makes it. It gets the double, so that not every call has to renew it.
local function keep(key, ttl)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, int(2 * ttl)) end
end

-- What all calls of a script do to the indexes is done at its end, with one command for each index.
local added, removed, kept, deleted = {}, {}, {}, {}
local function add_to(key, score, member)
  local entries = added[key]
  if not entries then
    entries = {}
    added[key] = entries
  end
  local count = #entries
  entries[count + 1], entries[count + 2] = score, member
end
local function remove_from(key, member)
  local members = removed[key]
  if members then members[#members + 1] = member else removed[key] = {member} end
end
local function keep_index(key, ttl)
  if (kept[key] or 0) < ttl then kept[key] = ttl end
end
local function delete(key)
  deleted[#deleted + 1] = key
end
local function write_indexes()
  for key, members in pairs(removed) do redis.call('ZREM', key, unpack(members)) end
  for key, entries in pairs(added) do redis.call('ZADD', key, unpack(entries)) end
  for key, ttl in pairs(kept) do keep(key, ttl) end
  if deleted[1] then redis.call('DEL', unpack(deleted)) end
end
`
