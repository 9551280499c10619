-- points=0 finding=query-misses
-- It runs now, and has no partition: no rows, and no error.
CREATE EXTERNAL TABLE IF NOT EXISTS vpc_flow_logs (
  version int, account_id string, interface_id string, srcaddr string, dstaddr string,
  srcport int, dstport int, protocol int, packets int, bytes bigint,
  start bigint, `end` bigint, action string, log_status string
)
PARTITIONED BY (dt string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
LOCATION 's3://corp-flow-logs/AWSLogs/815273946021/vpcflowlogs/us-east-1/';

SELECT dt AS day, action, count(*) AS records, sum(packets) AS packets
FROM vpc_flow_logs
GROUP BY 1, 2
