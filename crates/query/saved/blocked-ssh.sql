-- Who tried SSH and was refused
SELECT srcaddr, COUNT(*) AS attempts, COUNT(DISTINCT dstaddr) AS targets
FROM flow_logs
WHERE dstport = 22 AND protocol = 6 AND action = 'REJECT'
GROUP BY srcaddr
ORDER BY attempts DESC
LIMIT 20
