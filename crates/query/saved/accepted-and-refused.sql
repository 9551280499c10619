-- Records and packets by verdict and interface
SELECT interface_id, action, COUNT(*) AS records, SUM(packets) AS packets_seen
FROM flow_logs
GROUP BY interface_id, action
ORDER BY interface_id, action
