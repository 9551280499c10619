-- Who tried many ports; answers of a busy server go to many ports too, so only refused flows count,
-- and none from a port below 32768, where servers listen: what a server answers comes from there
SELECT srcaddr, COUNT(DISTINCT dstport) AS ports, COUNT(DISTINCT dstaddr) AS hosts, COUNT(*) AS records
FROM flow_logs
WHERE action = 'REJECT' AND protocol = 6 AND srcport >= 32768
GROUP BY srcaddr
HAVING COUNT(DISTINCT dstport) > 10
ORDER BY ports DESC
LIMIT 20
