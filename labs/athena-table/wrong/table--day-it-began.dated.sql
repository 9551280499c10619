-- points=0 finding=query-misses
-- the day in which it began
CREATE EXTERNAL TABLE vpc_flow_logs (
  version int, account_id string, interface_id string, srcaddr string, dstaddr string,
  srcport int, dstport int, protocol bigint, packets bigint, bytes bigint,
  start bigint, `end` bigint, action string, log_status string
)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
LOCATION 's3://corp-flow-logs/AWSLogs/815273946021/vpcflowlogs/us-east-1/'
TBLPROPERTIES ('skip.header.line.count' = '1');

SELECT date_format(from_unixtime(start), '%Y-%m-%d') AS day, action, count(*) AS records, sum(packets) AS packets
FROM vpc_flow_logs
WHERE log_status = 'OK'
GROUP BY 1, 2
