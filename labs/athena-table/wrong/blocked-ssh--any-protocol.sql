-- points=2 finding=query-fails-near-miss
SELECT srcaddr, sum(packets) AS packets
FROM flow_logs
WHERE action = 'REJECT' AND dstport = 22
GROUP BY srcaddr
