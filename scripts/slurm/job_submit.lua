-- job_submit.lua for slurmctld (JobSubmitPlugins=lua; its place is next to slurm.conf). Keeps the nodes of a job in one site: a job
-- that may get more than one node is given the constraint [site-a|site-b|...], which asks for nodes that all share one of these
-- features. The sites are read from the file causeway-sites beside this one, a feature a line, preferred ones first; and the policy's
-- rules, "placement PARTITION FEATURE one-site|any-site" in their order, where * is any.
--
-- Left alone are: jobs whose --comment has the word any-site, jobs that the policy lets be at several sites, jobs that name a site
-- or nodes themselves, and jobs whose own constraint can't be joined with ours. Whatever goes wrong in here, the job is submitted as its user wrote it.

local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or "/etc/slurm/"
local sites_file = folder .. "causeway-sites"

-- The features to choose from, the same as a set, and the policy's rules. Read anew for each job: the file is short, and may have changed.
local function read_sites()
  local list, set, rules = {}, {}, {}
  local file = io.open(sites_file, "r")
  if not file then return list, set, rules end
  for line in file:lines() do
    local feature = line:match("^%s*(site%-[%w._-]+)%s*$")
    if feature and not set[feature] then
      list[#list + 1] = feature
      set[feature] = true
    end
    local partition, asked, how = line:match("^placement (%S+) (%S+) (%S+)$")
    if how then rules[#rules + 1] = { partition = partition, feature = asked, any_site = how == "any-site" } end
  end
  file:close()
  return list, set, rules
end

-- A number that the user gave; nil if none. slurmctld writes "not given" as the largest numbers of 16, 32 and 64 bits.
local function given(value)
  if type(value) ~= "number" or value == 65534 or value >= 4294967294 then return nil end
  return value
end

-- More tasks than one may be put on several nodes, unless the user says how many nodes at most.
local function may_get_several_nodes(job)
  if (given(job.min_nodes) or 1) > 1 then return true end
  if given(job.max_nodes) == 1 then return false end
  return (given(job.num_tasks) or 1) > 1 or (given(job.max_nodes) or 1) > 1
end

local function opted_out(comment)
  return comment ~= nil and (" " .. comment .. " "):find("[^%w_-]any%-site[^%w_-]") ~= nil
end

-- The partition that the job goes to, of several the first: its own, or the default.
local function partition_of(job, partitions)
  if (job.partition or "") ~= "" then return job.partition:match("^[^,]+") end
  for name, partition in pairs(partitions or {}) do
    if partition.flag_default == 1 then return name end
  end
  return ""
end

-- Whether the policy lets the job's nodes be at several sites: the first rule that fits it counts.
local function may_span(partition, features, rules)
  local asked = {}
  for name in features:gmatch("[%w._-]+") do asked[name] = true end
  for _, rule in ipairs(rules) do
    local fits = rule.partition == "*" or rule.partition == partition
    if fits and (rule.feature == "*" or asked[rule.feature]) then return rule.any_site end
  end
  return false
end

local function names_a_site(features, set)
  for name in features:gmatch("[%w._-]+") do
    if set[name] then return true end
  end
  return false
end

-- The user's constraint and ours; nil where Slurm has no way to write that: it does not nest brackets.
local function join(features, choice)
  if features == "" then return choice end
  if features:find("[%[%]*!]") then return nil end
  if not features:gsub("%b()", ""):find("|", 1, true) then return features .. "&" .. choice end
  if features:find("[()]") then return nil end
  return "(" .. features .. ")&" .. choice
end

local function confine(job, partitions)
  if not may_get_several_nodes(job) or opted_out(job.comment) then return end
  if (job.req_nodes or "") ~= "" then return end
  local list, set, rules = read_sites()
  local features = job.features or ""
  if #list < 2 or names_a_site(features, set) then return end
  if may_span(partition_of(job, partitions), features, rules) then return end
  local joined = join(features, "[" .. table.concat(list, "|") .. "]")
  if joined then
    job.features = joined
  else
    slurm.log_info("causeway: the constraint \"%s\" can't be joined with one site: left as it is", features)
  end
end

function slurm_job_submit(job, partitions, uid)
  local ok, problem = pcall(confine, job, partitions)
  if not ok then slurm.log_error("causeway: job_submit.lua: %s", tostring(problem)) end
  return slurm.SUCCESS
end

-- A job that was changed later is as whoever changed it wants it.
function slurm_job_modify(job, record, partitions, uid)
  return slurm.SUCCESS
end

return slurm.SUCCESS
