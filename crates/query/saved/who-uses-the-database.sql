-- Who talks to MySQL and PostgreSQL, and how much
SELECT srcaddr, dstaddr, dstport, SUM(bytes) AS bytes_sent, from_unixtime(MAX("end")) AS last_seen
FROM flow_logs
WHERE dstport IN (3306, 5432) AND action = 'ACCEPT'
GROUP BY srcaddr, dstaddr, dstport
ORDER BY bytes_sent DESC
LIMIT 50
