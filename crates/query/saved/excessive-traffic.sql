-- Bytes by the hour
SELECT date_trunc('hour', from_unixtime(start)) AS hour, SUM(bytes) AS bytes_moved
FROM flow_logs
WHERE action = 'ACCEPT'
GROUP BY 1
ORDER BY 1
