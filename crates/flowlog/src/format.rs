//! A flow log's record format: which fields, in which order.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::str::FromStr;

use wirelab_model::{Flow, FlowAction, FlowDirection, FlowRecord, LogStatus};

use crate::Field;

/// The fields of a record in their order; `LogFormat` of `CreateFlowLogs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    fields: Vec<Field>,
}

/// Why a format string is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No field at all.
    #[error("a log format needs at least one field, such as `${{srcaddr}}`")]
    Empty,
    /// Something that is not `${field-name}`.
    #[error("`{text}` is not a field; fields are written `${{srcaddr}}`, separated by spaces")]
    NotAField {
        /// What stands there.
        text: String,
    },
    /// A name that no version of the record has.
    #[error("unknown field `{name}`{}", nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownField {
        /// The name as given.
        name: String,
        /// The name it is most like.
        nearest: Option<&'static str>,
    },
    /// The same field twice.
    #[error("field `{0}` appears twice")]
    Repeated(Field),
}

impl Default for LogFormat {
    /// The 14 fields of version 2.
    fn default() -> Self {
        Self {
            fields: Field::DEFAULT.to_vec(),
        }
    }
}

impl LogFormat {
    /// Reads `${version} ${account-id} ...`.
    ///
    /// # Errors
    /// [`FormatError`] if a token is no field, is unknown or repeated, or there is none.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::collect(text.split_whitespace().map(|token| {
            let name = token
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            name.ok_or_else(|| FormatError::NotAField {
                text: token.to_owned(),
            })
        }))
    }

    /// Reads the header line of a log file in S3: `version account-id ...`.
    ///
    /// # Errors
    /// [`FormatError`] as for [`LogFormat::parse`]; a line of values is an unknown field.
    pub fn from_header(line: &str) -> Result<Self, FormatError> {
        Self::collect(line.split_whitespace().map(Ok))
    }

    fn collect<'a>(
        names: impl Iterator<Item = Result<&'a str, FormatError>>,
    ) -> Result<Self, FormatError> {
        let mut fields = Vec::new();
        for name in names {
            let name = name?;
            let field = Field::from_name(name).ok_or_else(|| FormatError::UnknownField {
                name: name.to_owned(),
                nearest: nearest(name),
            })?;
            if fields.contains(&field) {
                return Err(FormatError::Repeated(field));
            }
            fields.push(field);
        }
        if fields.is_empty() {
            return Err(FormatError::Empty);
        }
        Ok(Self { fields })
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What the `version` field prints: the highest version among the fields, at least 2.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.fields.iter().map(|f| f.version()).max().unwrap_or(2)
    }

    /// The first line of a file in S3: the names in order. CloudWatch has no such line.
    #[must_use]
    pub fn header(&self) -> String {
        let names: Vec<_> = self.fields.iter().map(|field| field.name()).collect();
        names.join(" ")
    }

    /// Appends the record as one line without a line end. What does not apply is `-`; a NODATA or
    /// SKIPDATA record has only version, account, interface, start, end and log status.
    pub fn write_line(&self, record: &FlowRecord, line: &mut String) {
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                line.push(' ');
            }
            let before = line.len();
            self.write_value(*field, record, line);
            if line.len() == before {
                line.push('-');
            }
        }
    }

    /// Appends one value, or nothing where the record has none.
    fn write_value(&self, field: Field, record: &FlowRecord, line: &mut String) {
        match field {
            Field::Version => put(line, self.version()),
            Field::AccountId => put(line, &record.account_id),
            Field::InterfaceId => put(line, &record.interface_id),
            Field::Start => put(line, record.start.as_secs()),
            Field::End => put(line, record.end.as_secs()),
            Field::LogStatus => line.push_str(match record.log_status {
                LogStatus::Ok => "OK",
                LogStatus::NoData => "NODATA",
                LogStatus::SkipData => "SKIPDATA",
            }),
            _ => {
                if let Some(flow) = &record.flow {
                    write_place(field, record, line);
                    write_flow(field, flow, line);
                }
            }
        }
    }
}

fn write_place(field: Field, record: &FlowRecord, line: &mut String) {
    let place = &record.place;
    match field {
        Field::VpcId => put_some(line, place.vpc_id.as_ref()),
        Field::SubnetId => put_some(line, place.subnet_id.as_ref()),
        Field::InstanceId => put_some(line, place.instance_id.as_ref()),
        Field::Region => put(line, &place.region),
        Field::AzId => put_some(line, place.az_id.as_ref()),
        _ => {}
    }
}

fn write_flow(field: Field, flow: &Flow, line: &mut String) {
    match field {
        Field::SrcAddr => put(line, flow.srcaddr),
        Field::DstAddr => put(line, flow.dstaddr),
        Field::SrcPort => put(line, flow.srcport),
        Field::DstPort => put(line, flow.dstport),
        Field::Protocol => put(line, flow.protocol),
        Field::Packets => put(line, flow.packets),
        Field::Bytes => put(line, flow.bytes),
        Field::Action => line.push_str(match flow.action {
            FlowAction::Accept => "ACCEPT",
            FlowAction::Reject => "REJECT",
        }),
        Field::TcpFlags => put(line, flow.tcp_flags.0),
        Field::Type => line.push_str(match flow.srcaddr {
            IpAddr::V4(_) => "IPv4",
            IpAddr::V6(_) => "IPv6",
        }),
        Field::PktSrcAddr => put(line, flow.pkt_srcaddr),
        Field::PktDstAddr => put(line, flow.pkt_dstaddr),
        Field::PktSrcAwsService => put_some(line, flow.pkt_src_aws_service.as_ref()),
        Field::PktDstAwsService => put_some(line, flow.pkt_dst_aws_service.as_ref()),
        Field::FlowDirection => line.push_str(match flow.direction {
            FlowDirection::Ingress => "ingress",
            FlowDirection::Egress => "egress",
        }),
        Field::TrafficPath => put_some(line, flow.traffic_path.map(|path| path as u8)),
        _ => {}
    }
}

fn put(line: &mut String, value: impl fmt::Display) {
    write!(line, "{value}").expect("writing to a String cannot fail");
}

fn put_some(line: &mut String, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        put(line, value);
    }
}

/// `${version} ${account-id} ...`, as `CreateFlowLogs` takes it.
impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.fields.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}${{{field}}}")?;
        }
        Ok(())
    }
}

impl FromStr for LogFormat {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The field name nearest to `name`: underscores or capitals instead of hyphens, or a slip or two.
fn nearest(name: &str) -> Option<&'static str> {
    let bare = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    let same = |f: &&Field| bare(f.name()) == bare(name) || bare(f.insights_name()) == bare(name);
    if let Some(field) = Field::ALL.iter().find(same) {
        return Some(field.name());
    }
    let scored = Field::ALL
        .iter()
        .map(|f| (strsim::osa_distance(f.name(), name), f.name()));
    scored
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, name)| name)
}
