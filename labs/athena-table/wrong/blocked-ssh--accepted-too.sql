-- points=0 finding=query-keeps-too-much
SELECT srcaddr, sum(packets) AS packets
FROM flow_logs
WHERE dstport = 22
GROUP BY srcaddr
