//! AWS services that endpoints lead to: `DescribeVpcEndpointServices`.
//!
//! A choice of services with the names that AWS documents ("AWS services that integrate with AWS
//! PrivateLink"). Their public addresses are ours: plausible blocks of Amazon's, the same in every
//! world.

use std::net::{IpAddr, Ipv4Addr};

use smol_str::{SmolStr, format_smolstr};

use crate::VpcEndpointType;

/// An AWS service of a Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwsService {
    /// Last part of its service name: `s3`.
    pub name: &'static str,
    /// First part of its public name: `api.ecr` for `ecr.api`.
    host: &'static str,
    /// Whether gateway endpoints lead to it.
    pub gateway: bool,
    /// Whether interface endpoints lead to it.
    pub interface: bool,
    /// Third octet of its public addresses.
    octet: u8,
}

const fn interface(name: &'static str, host: &'static str, octet: u8) -> AwsService {
    AwsService {
        name,
        host,
        gateway: false,
        interface: true,
        octet,
    }
}

const fn both(name: &'static str, octet: u8) -> AwsService {
    AwsService {
        name,
        host: name,
        gateway: true,
        interface: true,
        octet,
    }
}

/// Every service, sorted by name.
pub const AWS_SERVICES: &[AwsService] = &[
    both("dynamodb", 1),
    interface("ec2", "ec2", 2),
    interface("ec2messages", "ec2messages", 3),
    interface("ecr.api", "api.ecr", 4),
    interface("ecr.dkr", "dkr.ecr", 5),
    interface("events", "events", 6),
    interface("execute-api", "execute-api", 7),
    interface("kinesis-streams", "kinesis", 8),
    interface("kms", "kms", 9),
    interface("lambda", "lambda", 10),
    interface("logs", "logs", 11),
    interface("monitoring", "monitoring", 12),
    both("s3", 13),
    interface("secretsmanager", "secretsmanager", 14),
    interface("sns", "sns", 15),
    interface("sqs", "sqs", 16),
    interface("ssm", "ssm", 17),
    interface("ssmmessages", "ssmmessages", 18),
    interface("sts", "sts", 19),
];

impl AwsService {
    /// The service called `com.amazonaws.REGION.NAME`, with its Region.
    #[must_use]
    pub fn find(service_name: &str) -> Option<(&'static Self, &str)> {
        let rest = service_name.strip_prefix("com.amazonaws.")?;
        let (region, name) = rest.split_once('.')?;
        let found = AWS_SERVICES.iter().find(|it| it.name == name);
        found.map(|service| (service, region))
    }

    /// `com.amazonaws.us-east-1.s3`.
    #[must_use]
    pub fn service_name(&self, region: &str) -> SmolStr {
        format_smolstr!("com.amazonaws.{region}.{}", self.name)
    }

    /// The public name, which private DNS leads to an endpoint: `s3.us-east-1.amazonaws.com`.
    #[must_use]
    pub fn public_name(&self, region: &str) -> SmolStr {
        format_smolstr!("{}.{region}.amazonaws.com", self.host)
    }

    /// Whether the endpoint type leads to it.
    #[must_use]
    pub const fn offers(&self, kind: VpcEndpointType) -> bool {
        match kind {
            VpcEndpointType::Gateway => self.gateway,
            VpcEndpointType::Interface => self.interface,
        }
    }

    /// Its public addresses in a Region. Those of S3 and DynamoDB lie in the first block of their
    /// prefix lists.
    #[must_use]
    pub fn public_addresses(&self, region: &str) -> [Ipv4Addr; 2] {
        let number = region
            .bytes()
            .fold(17u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let (a, b, c) = match self.name {
            "s3" => (52, 216, 0),
            "dynamodb" => (52, 94, 0),
            _ => (54, 239, self.octet),
        };
        let last = 10 + number % 100;
        [
            Ipv4Addr::new(a, b, c, last),
            Ipv4Addr::new(a, b, c, last + 101),
        ]
    }
}

/// The name of AWS's range that a public address lies in, as flow logs' `pkt-*-aws-service` has it:
/// S3's and DynamoDB's ranges, `AMAZON` for other services, `EC2` for addresses of resources.
#[must_use]
pub fn aws_ip_range(address: IpAddr) -> Option<&'static str> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    match address.octets() {
        [3, 5, ..] | [16, 182, ..] | [18, 34, ..] | [52, 216..=219, ..] | [54, 231, ..] => {
            Some("S3")
        }
        [52, 94, ..] | [52, 119, 224..=239, _] => Some("DYNAMODB"),
        [54, 239, ..] => Some("AMAZON"),
        [3, 208..=223, ..] => Some("EC2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_lie_in_the_range_of_their_service() {
        for service in AWS_SERVICES {
            let range = match service.name {
                "s3" => "S3",
                "dynamodb" => "DYNAMODB",
                _ => "AMAZON",
            };
            for address in service.public_addresses("eu-west-1") {
                assert_eq!(aws_ip_range(address.into()), Some(range), "{address}");
            }
        }
        assert_eq!(aws_ip_range([3, 215, 1, 9].into()), Some("EC2"));
        assert_eq!(aws_ip_range([203, 0, 113, 9].into()), None);
        assert_eq!(aws_ip_range([10, 0, 1, 5].into()), None);
    }

    #[test]
    fn services_are_found_by_their_names_and_have_addresses_of_their_own() {
        assert!(AWS_SERVICES.is_sorted_by_key(|it| it.name));
        let (s3, region) = AwsService::find("com.amazonaws.eu-west-1.s3").expect("S3 is known");
        assert_eq!((s3.name, region), ("s3", "eu-west-1"));
        let (ecr, _) = AwsService::find("com.amazonaws.us-east-1.ecr.api").expect("so is ECR");
        assert_eq!(
            ecr.public_name("us-east-1"),
            "api.ecr.us-east-1.amazonaws.com"
        );
        let mut seen = Vec::new();
        for service in AWS_SERVICES {
            seen.extend(service.public_addresses("us-east-1"));
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}
