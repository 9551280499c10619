-- points=0 finding=query-misses
SELECT srcaddr, count(*) AS block_count
FROM flow_logs
WHERE action = 'REJECT' AND dstport = 22
GROUP BY srcaddr
