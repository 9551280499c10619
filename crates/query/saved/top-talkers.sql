-- Which pairs moved the most bytes
SELECT srcaddr, dstaddr, SUM(bytes) AS bytes_moved, SUM(packets) AS packets_moved
FROM flow_logs
WHERE action = 'ACCEPT'
GROUP BY srcaddr, dstaddr
ORDER BY bytes_moved DESC
LIMIT 20
