-- Sends each stable MR series to the modality "spine-segmentation". This is the quick way; the event is lost when
-- Orthanc restarts or the receiver is down, and the reconcile sweep of `spine-segmentation serve` then finds the series.

local TARGET = 'spine-segmentation'
local OWN_AE_TITLE = 'SPINESEG'

-- What came from the segmentation service itself is never sent back to it.
local function is_own_result(seriesId)
   local series = ParseJson(RestApiGet('/series/' .. seriesId))
   local metadata = ParseJson(RestApiGet('/instances/' .. series['Instances'][1] .. '/metadata?expand'))
   return metadata['RemoteAET'] == OWN_AE_TITLE
end

function OnStableSeries(seriesId, tags, metadata)
   if tags['Modality'] ~= 'MR' or is_own_result(seriesId) then
      return
   end
   -- Written by hand: DumpJson turns booleans into strings. Not permissive: a refused image fails the job visibly.
   local job = '{"Resources":["' .. seriesId .. '"],"Synchronous":false,"Permissive":false}'
   RestApiPost('/modalities/' .. TARGET .. '/store', job, false)
end
