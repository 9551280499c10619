//! VPC flow-log record formats, CloudWatch stream names, S3 key layout.
