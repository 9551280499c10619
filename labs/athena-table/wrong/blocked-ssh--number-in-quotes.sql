-- points=0 finding=query-does-not-run
SELECT srcaddr, sum(packets) AS packets
FROM flow_logs
WHERE action = 'REJECT' AND dstport = '22'
GROUP BY srcaddr
