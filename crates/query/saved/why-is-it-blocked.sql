-- What was refused, by pair and service; port is the lower of the two, `answer` if it is the sender's:
-- an answer refused where its request was accepted is a network ACL
SELECT interface_id, srcaddr, dstaddr,
       if(srcport < dstport, 'answer', 'request') AS what, least(srcport, dstport) AS port, protocol,
       COUNT(*) AS records, SUM(packets) AS packets_lost,
       from_unixtime(MIN(start)) AS first, from_unixtime(MAX(start)) AS last
FROM flow_logs
WHERE action = 'REJECT'
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY packets_lost DESC
LIMIT 50
