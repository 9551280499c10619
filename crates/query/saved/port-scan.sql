-- Who tried many ports of one host; answers of a busy server go to many ports too, so only refused
-- flows count
SELECT srcaddr, dstaddr, COUNT(DISTINCT dstport) AS ports, COUNT(*) AS records
FROM flow_logs
WHERE action = 'REJECT' AND protocol = 6
GROUP BY srcaddr, dstaddr
HAVING COUNT(DISTINCT dstport) > 10
ORDER BY ports DESC
LIMIT 20
