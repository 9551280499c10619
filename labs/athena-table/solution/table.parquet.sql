CREATE EXTERNAL TABLE vpc_flow_logs (
  version int, account_id string, interface_id string, srcaddr string, dstaddr string,
  srcport int, dstport int, protocol bigint, packets bigint, bytes bigint,
  start bigint, `end` bigint, action string, log_status string
)
PARTITIONED BY (`aws-account-id` string, `aws-service` string, `aws-region` string,
  year string, month string, day string)
STORED AS PARQUET
LOCATION 's3://corp-flow-logs/AWSLogs/';

MSCK REPAIR TABLE vpc_flow_logs;

SELECT year || '-' || month || '-' || day AS day, action, count(*) AS records, sum(packets) AS packets
FROM vpc_flow_logs
WHERE log_status = 'OK'
GROUP BY 1, 2
