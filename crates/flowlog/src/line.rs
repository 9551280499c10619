//! Reading lines back.

use std::net::IpAddr;
use std::str::FromStr;

use wirelab_model::{
    Flow, FlowAction, FlowDirection, FlowRecord, InstanceId, LogStatus, NetworkInterfaceId, Place,
    SubnetId, TcpFlags, TrafficPath, UnixTime, VpcId,
};

use crate::{Field, LogFormat};

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
    let values: Vec<_> = line.split_ascii_whitespace().collect();
    let expected = format.fields().len();
    if values.len() != expected {
        let found = values.len();
        return Err(LineError::WrongCount { found, expected });
    }
    Ok(Record { format, values })
}

impl<'a> Record<'a> {
    /// The values in the format's order, `-` included.
    #[must_use]
    pub fn values(&self) -> &[&'a str] {
        &self.values
    }

    /// The field's text; `None` if the format lacks the field or the value is `-`.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&'a str> {
        let index = self.format.fields().iter().position(|f| *f == field)?;
        Some(self.values[index]).filter(|value| *value != "-")
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
    /// The format must have at least interface, start, end and log status, and for a line with
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
        Ok(FlowRecord {
            account_id: self.get(Field::AccountId).unwrap_or("unknown").into(),
            interface_id: NetworkInterfaceId::new(self.need_text(Field::InterfaceId)?),
            log_status,
            start: UnixTime::from_secs(self.need(Field::Start)?),
            end: UnixTime::from_secs(self.need(Field::End)?),
            flow: flow.transpose()?,
            place: self.place(),
        })
    }

    fn flow(&self) -> Result<Flow, LineError> {
        let srcaddr: IpAddr = self.need(Field::SrcAddr)?;
        let dstaddr: IpAddr = self.need(Field::DstAddr)?;
        Ok(Flow {
            srcaddr,
            dstaddr,
            pkt_srcaddr: self.value(Field::PktSrcAddr)?.unwrap_or(srcaddr),
            pkt_dstaddr: self.value(Field::PktDstAddr)?.unwrap_or(dstaddr),
            srcport: self.need(Field::SrcPort)?,
            dstport: self.need(Field::DstPort)?,
            protocol: self.need(Field::Protocol)?,
            packets: self.need(Field::Packets)?,
            bytes: self.need(Field::Bytes)?,
            action: self.action()?,
            direction: self.direction()?,
            tcp_flags: TcpFlags(self.value(Field::TcpFlags)?.unwrap_or(0)),
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

    fn need<T: FromStr>(&self, field: Field) -> Result<T, LineError> {
        self.value(field)?.ok_or(LineError::Missing(field))
    }

    fn need_text(&self, field: Field) -> Result<&'a str, LineError> {
        self.get(field).ok_or(LineError::Missing(field))
    }

    fn bad(&self, field: Field) -> LineError {
        let value = self.get(field).unwrap_or("-").to_owned();
        LineError::BadValue { field, value }
    }
}
