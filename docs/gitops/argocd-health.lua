-- Argo CD's health of an EntraTenant, Catalog, ConnectedOrganization, AccessPackage or AssignmentPolicy.
-- Needs no library: Argo CD opens none for such scripts unless told to.

local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is_true(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

-- The reason and the words of a condition.
local function told(type, otherwise)
  local condition = conditions[type]
  if condition == nil then
    return otherwise
  end
  return condition.reason .. ": " .. (condition.message or "")
end

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "being deleted; " .. told("Ready", "the operator has not looked yet") }
end

local annotations = obj.metadata.annotations or {}
if annotations["access.entra-operator.io/paused"] == "true" then
  return { status = "Suspended", message = "paused by its annotation" }
end

-- -1 before the first visit; less than the generation while the last change waits for one.
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not looked at the latest change yet" }
end

if is_true("Stalled") then
  return { status = "Degraded", message = told("Stalled") }
end

if is_true("Reconciling") then
  return { status = "Progressing", message = told("Reconciling") }
end

if is_true("Ready") then
  -- A warning does not make an object unready, but somebody should read it.
  if conditions.Healthy ~= nil and not is_true("Healthy") then
    return { status = "Healthy", message = told("Healthy") }
  end
  return { status = "Healthy", message = told("Ready") }
end

return { status = "Progressing", message = told("Ready", "the operator has not said whether it is Ready") }
