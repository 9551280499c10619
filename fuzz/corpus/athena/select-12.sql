SELECT CASE WHEN bytes > 1000 THEN 'big' WHEN bytes > 100 THEN 'middle' ELSE 'small' END AS size, count(*) AS n
FROM flow_logs WHERE log_status = 'OK' GROUP BY 1 ORDER BY n DESC, size