SELECT srcaddr, sum(packets) AS packets
FROM flow_logs
WHERE action = 'REJECT' AND dstport = 22 AND protocol = 6
GROUP BY srcaddr
ORDER BY packets DESC
