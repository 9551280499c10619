//! Reading lines back.

use std::net::IpAddr;
use std::str::FromStr;

use wirelab_model::{
    Flow, FlowAction, FlowDirection, FlowMetadata, FlowRecord, InstanceId, LogStatus,
    NetworkInterfaceId, NextHop, Place, SmolStr, SubnetId, TcpFlags, TrafficPath, UnixTime, VpcId,
    percent_decoded,
};

use crate::{Field, LogFormat, scan};

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// More or fewer values than the format has fields.
    #[error("the line has {found} values, but the format has {expected} fields")]
    WrongCount {
        /// Values in the line.
        found: usize,
        /// Fields in the format.
        expected: usize,
    },
    /// A value that the field cannot have.
    #[error("`{value}` is not a value of `{field}`")]
    BadValue {
        /// The field.
        field: Field,
        /// What the line has there.
        value: String,
    },
    /// A flow record needs the field, but the format lacks it or the value is `-`.
    #[error("the line has no `{0}`")]
    Missing(Field),
}

/// One line, split by its format. Values stay text, as they are in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    format: &'a LogFormat,
    values: Vec<&'a str>,
}

/// Splits a line by `format`; values are not looked into.
///
/// # Errors
/// [`LineError::WrongCount`].
pub fn parse_line<'a>(format: &'a LogFormat, line: &'a str) -> Result<Record<'a>, LineError> {
    let mut record = Record::new(format);
    record.read(line)?;
    Ok(record)
}

impl<'a> Record<'a> {
    /// A record without values, to be filled by [`Record::read`].
    pub(crate) fn new(format: &'a LogFormat) -> Self {
        let values = Vec::with_capacity(format.fields().len() + 1);
        Self { format, values }
    }

    /// Takes the values of another line.
    pub(crate) fn read(&mut self, line: &'a str) -> Result<(), LineError> {
        scan::split(line, &mut self.values);
        let (found, expected) = (self.values.len(), self.format.fields().len());
        if found != expected {
            return Err(LineError::WrongCount { found, expected });
        }
        Ok(())
    }

    /// The values in the format's order, `-` included.
    #[must_use]
    pub fn values(&self) -> &[&'a str] {
        &self.values
    }

    /// The field's text; `None` if the format lacks the field or the value is `-`.
    #[must_use]
    #[inline]
    pub fn get(&self, field: Field) -> Option<&'a str> {
        let index = self.format.position(field)?;
        let value = self.values[index];
        (value.as_bytes() != b"-").then_some(value)
    }

    /// The field's value as a number or address; `None` as for [`Record::get`].
    ///
    /// # Errors
    /// [`LineError::BadValue`].
    pub fn value<T: FromStr>(&self, field: Field) -> Result<Option<T>, LineError> {
        let parse = |text: &str| text.parse().map_err(|_| self.bad(field));
        self.get(field).map(parse).transpose()
    }

    /// The line as a flow record.
    ///
    /// The format must have at least start, end and log status, and for a line with
    /// traffic addresses, ports, protocol, counts and action. Without `pkt-*`, the packet's
    /// addresses are taken to be the record's; without `flow-direction`, a flow is ingress.
    ///
    /// # Errors
    /// [`LineError`] for what is missing or malformed.
    pub fn to_flow_record(&self) -> Result<FlowRecord, LineError> {
        let log_status = match self.need_text(Field::LogStatus)? {
            "OK" => LogStatus::Ok,
            "NODATA" => LogStatus::NoData,
            "SKIPDATA" => LogStatus::SkipData,
            _ => return Err(self.bad(Field::LogStatus)),
        };
        let flow = (log_status == LogStatus::Ok).then(|| self.flow());
        let has_metadata = flow.is_some() && self.format.version() >= 8;
        let metadata = has_metadata.then(|| self.metadata().map(Box::new));
        Ok(FlowRecord {
            account_id: self.get(Field::AccountId).unwrap_or("unknown").into(),
            interface_id: NetworkInterfaceId::new(self.get(Field::InterfaceId).unwrap_or("-")),
            log_status,
            start: self.time(Field::Start)?,
            end: self.time(Field::End)?,
            flow: flow.transpose()?,
            place: self.place(),
            metadata: metadata.transpose()?,
        })
    }

    fn flow(&self) -> Result<Flow, LineError> {
        let srcaddr = self.need_address(Field::SrcAddr)?;
        let dstaddr = self.need_address(Field::DstAddr)?;
        Ok(Flow {
            srcaddr,
            dstaddr,
            pkt_srcaddr: self.address(Field::PktSrcAddr)?.unwrap_or(srcaddr),
            pkt_dstaddr: self.address(Field::PktDstAddr)?.unwrap_or(dstaddr),
            srcport: self.need_number(Field::SrcPort)?,
            dstport: self.need_number(Field::DstPort)?,
            protocol: self.need_number(Field::Protocol)?,
            packets: self.need_number(Field::Packets)?,
            bytes: self.need_number(Field::Bytes)?,
            action: self.action()?,
            direction: self.direction()?,
            tcp_flags: TcpFlags(self.number(Field::TcpFlags)?.unwrap_or(0)),
            traffic_path: self.traffic_path()?,
            pkt_src_aws_service: self.get(Field::PktSrcAwsService).map(Into::into),
            pkt_dst_aws_service: self.get(Field::PktDstAwsService).map(Into::into),
        })
    }

    fn place(&self) -> Place {
        Place {
            vpc_id: self.get(Field::VpcId).map(VpcId::new),
            subnet_id: self.get(Field::SubnetId).map(SubnetId::new),
            instance_id: self.get(Field::InstanceId).map(InstanceId::new),
            region: self.get(Field::Region).unwrap_or_default().into(),
            az_id: self.get(Field::AzId).map(Into::into),
        }
    }

    fn metadata(&self) -> Result<FlowMetadata, LineError> {
        let text = |field| self.get(field).map(SmolStr::new);
        let tags = |one, two| Ok::<_, LineError>([self.tag(one)?, self.tag(two)?]);
        Ok(FlowMetadata {
            reject_reason: text(Field::RejectReason),
            resource_id: text(Field::ResourceId),
            encryption_status: self.number(Field::EncryptionStatus)?,
            instance_tags: tags(Field::InstanceTag, Field::InstanceTag2)?,
            interface_tags: tags(Field::InterfaceTag, Field::InterfaceTag2)?,
            asg_tags: tags(Field::AsgTag, Field::AsgTag2)?,
            interface_type: text(Field::InterfaceType),
            next_hop: NextHop {
                interface_id: self
                    .get(Field::NextHopInterfaceId)
                    .map(NetworkInterfaceId::new),
                subnet_id: self.get(Field::NextHopSubnetId).map(SubnetId::new),
                az_id: text(Field::NextHopAzId),
                vpc_id: self.get(Field::NextHopVpcId).map(VpcId::new),
                interface_type: text(Field::NextHopInterfaceType),
            },
        })
    }

    /// A tag's value without its percent-encoding.
    fn tag(&self, field: Field) -> Result<Option<SmolStr>, LineError> {
        let Some(text) = self.get(field) else {
            return Ok(None);
        };
        let decoded = percent_decoded(text).ok_or_else(|| self.bad(field))?;
        Ok(Some(decoded.into()))
    }

    fn action(&self) -> Result<FlowAction, LineError> {
        match self.need_text(Field::Action)? {
            "ACCEPT" => Ok(FlowAction::Accept),
            "REJECT" => Ok(FlowAction::Reject),
            _ => Err(self.bad(Field::Action)),
        }
    }

    fn direction(&self) -> Result<FlowDirection, LineError> {
        match self.get(Field::FlowDirection) {
            None | Some("ingress") => Ok(FlowDirection::Ingress),
            Some("egress") => Ok(FlowDirection::Egress),
            Some(_) => Err(self.bad(Field::FlowDirection)),
        }
    }

    fn traffic_path(&self) -> Result<Option<TrafficPath>, LineError> {
        Ok(Some(match self.get(Field::TrafficPath) {
            None => return Ok(None),
            Some("1") => TrafficPath::SameVpc,
            Some("2") => TrafficPath::InternetGateway,
            Some("3") => TrafficPath::VpnGateway,
            Some("4") => TrafficPath::IntraRegionPeering,
            Some("5") => TrafficPath::InterRegionPeering,
            Some("6") => TrafficPath::LocalGateway,
            Some("7") => TrafficPath::GatewayEndpointNitro,
            Some("8") => TrafficPath::InternetGatewayNitro,
            Some(_) => return Err(self.bad(Field::TrafficPath)),
        }))
    }

    /// Seconds since the epoch, as far as [`UnixTime`] reaches.
    fn time(&self, field: Field) -> Result<UnixTime, LineError> {
        let secs: u64 = self.need_number(field)?;
        let latest = UnixTime::from_nanos(u64::MAX).as_secs();
        if secs > latest {
            return Err(self.bad(field));
        }
        Ok(UnixTime::from_secs(secs))
    }

    fn number<T: TryFrom<u64>>(&self, field: Field) -> Result<Option<T>, LineError> {
        let Some(text) = self.get(field) else {
            return Ok(None);
        };
        // The widest field is INT_64.
        let value = scan::number(text).filter(|it| i64::try_from(*it).is_ok());
        let value = value.and_then(|it| it.try_into().ok());
        value.map(Some).ok_or_else(|| self.bad(field))
    }

    fn need_number<T: TryFrom<u64>>(&self, field: Field) -> Result<T, LineError> {
        self.number(field)?.ok_or(LineError::Missing(field))
    }

    fn address(&self, field: Field) -> Result<Option<IpAddr>, LineError> {
        let Some(text) = self.get(field) else {
            return Ok(None);
        };
        let value = scan::address(text);
        value.map(Some).ok_or_else(|| self.bad(field))
    }

    fn need_address(&self, field: Field) -> Result<IpAddr, LineError> {
        self.address(field)?.ok_or(LineError::Missing(field))
    }

    fn need_text(&self, field: Field) -> Result<&'a str, LineError> {
        self.get(field).ok_or(LineError::Missing(field))
    }

    fn bad(&self, field: Field) -> LineError {
        let value = self.get(field).unwrap_or("-").to_owned();
        LineError::BadValue { field, value }
    }
}
