WITH ssh AS (SELECT * FROM flow_logs WHERE dstport = 22 AND protocol = 6)
SELECT sum(packets) FILTER (WHERE action = 'REJECT') AS n, count(*) AS records, srcaddr
FROM ssh
GROUP BY srcaddr
HAVING count_if(action = 'REJECT') > 0
