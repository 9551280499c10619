-- Intervals without traffic (NODATA) and with lost records (SKIPDATA)
SELECT interface_id, log_status, COUNT(*) AS intervals
FROM flow_logs
WHERE log_status <> 'OK'
GROUP BY interface_id, log_status
ORDER BY intervals DESC
