SELECT a.srcaddr, b.dstport FROM flow_logs a JOIN flow_logs b ON a.srcaddr = b.srcaddr AND a.start < b.start
WHERE a.action = 'REJECT' ORDER BY 1, 2