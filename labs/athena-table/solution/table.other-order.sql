CREATE EXTERNAL TABLE vpc_flow_logs (
  action string, srcaddr string, srcport int, dstaddr string, dstport int, protocol bigint,
  packets bigint, bytes bigint, start bigint, `end` bigint, log_status string,
  interface_id string, account_id string, version int
)
PARTITIONED BY (dt string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
LOCATION 's3://corp-flow-logs/AWSLogs/815273946021/vpcflowlogs/us-east-1/'
TBLPROPERTIES ('skip.header.line.count' = '1');

ALTER TABLE vpc_flow_logs ADD
  PARTITION (dt = '2026-06-09') LOCATION 's3://corp-flow-logs/AWSLogs/815273946021/vpcflowlogs/us-east-1/2026/06/09/'
  PARTITION (dt = '2026-06-10') LOCATION 's3://corp-flow-logs/AWSLogs/815273946021/vpcflowlogs/us-east-1/2026/06/10/';

SELECT dt AS day, action, count(*) AS records, sum(packets) AS packets
FROM vpc_flow_logs
WHERE log_status = 'OK'
GROUP BY 1, 2
