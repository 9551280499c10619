-- Refused records by five minutes
SELECT from_unixtime(start / 300 * 300) AS slot, COUNT(*) AS rejects
FROM flow_logs
WHERE action = 'REJECT'
GROUP BY 1
ORDER BY 1
