-- job_submit.lua for slurmctld (JobSubmitPlugins=lua; its place is next to slurm.conf). Keeps the nodes of a job in one site: a job
-- that may get more than one node is given the constraint [site-a|site-b|...], which asks for nodes that all share one of these
-- features. The sites are read from the file causeway-sites beside this one, a feature a line, preferred ones first.
--
-- Left alone are: jobs whose --comment has the word any-site, jobs that name a site or nodes themselves, and jobs whose own
-- constraint can't be joined with ours. Whatever goes wrong in here, the job is submitted as its user wrote it.

local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or "/etc/slurm/"
local sites_file = folder .. "causeway-sites"

-- The features to choose from, and the same as a set. Read anew for each job: the file is short, and may have changed.
local function read_sites()
  local list, set = {}, {}
  local file = io.open(sites_file, "r")
  if not file then return list, set end
  for line in file:lines() do
    local feature = line:match("^%s*(site%-[%w._-]+)%s*$")
    if feature and not set[feature] then
      list[#list + 1] = feature
      set[feature] = true
    end
  end
  file:close()
  return list, set
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

local function confine(job)
  if not may_get_several_nodes(job) or opted_out(job.comment) then return end
  if (job.req_nodes or "") ~= "" then return end
  local list, set = read_sites()
  local features = job.features or ""
  if #list < 2 or names_a_site(features, set) then return end
  local joined = join(features, "[" .. table.concat(list, "|") .. "]")
  if joined then
    job.features = joined
  else
    slurm.log_info("causeway: the constraint \"%s\" can't be joined with one site: left as it is", features)
  end
end

function slurm_job_submit(job, partitions, uid)
  local ok, problem = pcall(confine, job)
  if not ok then slurm.log_error("causeway: job_submit.lua: %s", tostring(problem)) end
  return slurm.SUCCESS
end

-- A job that was changed later is as whoever changed it wants it.
function slurm_job_modify(job, record, partitions, uid)
  return slurm.SUCCESS
end

return slurm.SUCCESS
