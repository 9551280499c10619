SELECT * FROM (
  SELECT action, srcaddr, row_number() OVER (PARTITION BY action ORDER BY bytes DESC) AS rn FROM flow_logs WHERE log_status = 'OK')
WHERE rn = 1 ORDER BY action