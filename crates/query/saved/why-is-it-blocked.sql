-- What was refused, by address and port; an ACCEPT one way and a REJECT back is a network ACL
SELECT interface_id, srcaddr, dstaddr, dstport, protocol,
       COUNT(*) AS records, SUM(packets) AS packets_lost,
       from_unixtime(MIN(start)) AS first, from_unixtime(MAX(start)) AS last
FROM flow_logs
WHERE action = 'REJECT'
GROUP BY interface_id, srcaddr, dstaddr, dstport, protocol
ORDER BY packets_lost DESC
LIMIT 50
