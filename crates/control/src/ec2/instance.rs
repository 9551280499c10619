//! Instances: making and showing them (Amazon EC2 API Reference: `RunInstances`). How they
//! are found and shown is in `show`, their life in [`super::instance_state`].
//!
//! Images and volumes are kept and not simulated; an instance profile is
//! [`super::profile_association`]'s. What makes no difference to packets is in
//! [`super::instance_attribute`] and [`super::volume`].

mod show;

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

use crate::ec2::instance_attribute::{self, Attributes, ShutdownBehavior};
use crate::ec2::ipv6_address::{InstanceIpv6Address, Wanted};
use crate::ec2::metadata_options::MetadataRequest;
use crate::ec2::network_interface::{self, AddressRequest, NewInterface};
use crate::ec2::{
    block_device, default_vpc, image, instance_state, instance_type, interface_attachment,
    key_pair, launch_template, profile_association, volume,
};
use crate::state::Launch;
use crate::transaction::Transaction;
use crate::{error, network};

pub(crate) use show::describe_instances;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct RunInstances {
    image_id: Option<SmolStr>,
    instance_type: Option<SmolStr>,
    key_name: Option<SmolStr>,
    #[serde(default = "once")]
    min_count: u16,
    #[serde(default = "once")]
    max_count: u16,
    subnet_id: Option<SubnetId>,
    private_ip_address: Option<Ipv4Addr>,
    #[serde(default)]
    ipv6_addresses: Vec<InstanceIpv6Address>,
    ipv6_address_count: Option<usize>,
    #[serde(default)]
    security_group_ids: Vec<SecurityGroupId>,
    /// By name, in the default VPC.
    #[serde(default)]
    security_groups: Vec<SmolStr>,
    #[serde(default)]
    network_interfaces: Vec<InterfaceRequest>,
    #[serde(default)]
    placement: Placement,
    #[serde(default)]
    block_device_mappings: Vec<block_device::Mapping>,
    // Taken, and without effect on the network.
    #[serde(default, rename = "CreditSpecification")]
    _credit_specification: Option<IgnoredAny>,
    #[serde(default, rename = "CpuOptions")]
    _cpu_options: Option<IgnoredAny>,
    #[serde(default)]
    disable_api_stop: bool,
    #[serde(default)]
    disable_api_termination: bool,
    #[serde(default)]
    ebs_optimized: bool,
    iam_instance_profile: Option<profile_association::Specification>,
    #[serde(default)]
    metadata_options: MetadataRequest,
    #[serde(default)]
    instance_initiated_shutdown_behavior: ShutdownBehavior,
    #[serde(default)]
    monitoring: Monitoring,
    user_data: Option<SmolStr>,
    /// Whose parameters are among these by now.
    launch_template: Option<launch_template::Specification>,
}

/// Whether metrics come every minute; they do so here in any case.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Monitoring {
    enabled: bool,
}

/// Where an instance is to stand. Beyond the zone nothing is simulated.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Placement {
    availability_zone: Option<SmolStr>,
    availability_zone_id: Option<SmolStr>,
}

impl Placement {
    /// The name of the zone that is asked for, if one is.
    fn zone(&self, region: &str) -> Result<Option<SmolStr>, ApiError> {
        let mut zones = network::zones(region);
        let found = match (&self.availability_zone, &self.availability_zone_id) {
            (None, None) => return Ok(None),
            (Some(name), None) => zones.find(|it| it.0 == *name).ok_or(name),
            (None, Some(id)) => zones.find(|it| it.1 == *id).ok_or(id),
            (Some(_), Some(_)) => {
                return Err(error::combination(
                    "The parameters AvailabilityZone and AvailabilityZoneId are mutually exclusive",
                ));
            }
        };
        let zone = found.map_err(|unknown| error::no_zone(unknown))?;
        Ok(Some(zone.0))
    }
}

const fn once() -> u16 {
    1
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct InterfaceRequest {
    #[serde(default)]
    device_index: u16,
    network_interface_id: Option<NetworkInterfaceId>,
    subnet_id: Option<SubnetId>,
    #[serde(default)]
    groups: Vec<SecurityGroupId>,
    private_ip_address: Option<Ipv4Addr>,
    /// The CLI's form of `--private-ip-address` beside `--associate-public-ip-address`.
    #[serde(default)]
    private_ip_addresses: Vec<AddressRequest>,
    #[serde(default)]
    secondary_private_ip_address_count: usize,
    #[serde(default)]
    ipv6_addresses: Vec<InstanceIpv6Address>,
    ipv6_address_count: Option<usize>,
    associate_public_ip_address: Option<bool>,
    delete_on_termination: Option<bool>,
    connection_tracking_specification: Option<ConnectionTracking>,
    #[serde(default)]
    description: String,
}

pub(crate) fn run_instances(tx: &mut Transaction<'_>, request: RunInstances) -> Reply {
    if request.min_count == 0 || request.min_count > request.max_count || request.max_count > 100 {
        return Err(error::invalid_parameter_value(
            "Value for parameter MinCount, MaxCount is invalid: 1 to 100, the first not above the \
            last",
        ));
    }
    if let Some(name) = &request.key_name
        && !tx.is_structural()
    {
        key_pair::require(tx, name)?;
    }
    instance_attribute::check_user_data(request.user_data.as_deref())?;
    let profile = request.iam_instance_profile.as_ref();
    let profile = profile.map(|it| it.profile(tx)).transpose()?;
    let image_id = request.image(tx)?;
    let zone = request.placement.zone(&tx.region)?;
    let interfaces = request.interfaces(tx, zone.as_deref())?;
    check_zone(tx, zone.as_deref(), &interfaces)?;
    let disks = block_device::disks(&request.block_device_mappings)?;
    let volume_tags = tx.tags_of("volume")?;
    let reservation_id = SmolStr::new(tx.new_text_id("r"));
    let mut made = Vec::new();
    for index in 0..request.max_count {
        let id = launch(tx, &request, &interfaces, image_id.as_deref())?;
        if let Some(profile) = &profile {
            profile_association::associate(tx, &id, profile.clone())?;
        }
        let launch = Launch {
            reservation_id: reservation_id.clone(),
            index,
            image_id: image_id.clone(),
            key_name: request.key_name.clone(),
            user_data: request.user_data.clone(),
            attributes: request.attributes(),
            ended: None,
        };
        tx.state.launches.insert(id.clone(), launch);
        volume::make(tx, &id, &disks, &volume_tags);
        made.push(id);
    }
    let mut shown = Vec::new();
    for id in &made {
        let instance = tx.get::<Instance>(id)?;
        shown.push(show::show(instance, tx.state, &tx.region));
    }
    for id in &made {
        tx.settle_after::<Instance>(id, tx.config.delays.instance_start);
    }
    Ok(json!({
        "ReservationId": reservation_id,
        "OwnerId": tx.owner,
        "Groups": [],
        "Instances": shown,
    }))
}

impl RunInstances {
    /// What a scenario's machines are launched from is not told.
    fn image(&self, tx: &Transaction<'_>) -> Result<Option<SmolStr>, ApiError> {
        let kind = self.instance_type.as_deref();
        let kind = kind.unwrap_or(InstanceType::DEFAULT);
        let id = self.image_id.as_ref();
        id.map(|id| image::resolved(id, &tx.region, kind))
            .transpose()
    }

    fn attributes(&self) -> Attributes {
        Attributes {
            disable_api_stop: self.disable_api_stop,
            disable_api_termination: self.disable_api_termination,
            shutdown_behavior: self.instance_initiated_shutdown_behavior,
            ebs_optimized: self.ebs_optimized,
            user_data: self.user_data.clone(),
            is_monitored: self.monitoring.enabled,
        }
    }

    /// The interfaces wanted, in the order of their device indices. The parameters at the top level
    /// stand for a single new one. Who names no subnet means one of the default VPC, in the zone
    /// asked for or the first.
    fn interfaces(
        &self,
        tx: &Transaction<'_>,
        zone: Option<&str>,
    ) -> Result<Vec<InterfaceRequest>, ApiError> {
        let default_subnet = || default_vpc::subnet(tx, zone).ok_or_else(error::vpc_not_specified);
        if self.network_interfaces.is_empty() {
            let subnet_id = match &self.subnet_id {
                Some(id) => id.clone(),
                None => default_subnet()?,
            };
            let mut groups = self.security_group_ids.clone();
            groups.extend(self.named_groups(tx, &subnet_id)?);
            return Ok(vec![InterfaceRequest {
                device_index: 0,
                network_interface_id: None,
                subnet_id: Some(subnet_id),
                groups,
                private_ip_address: self.private_ip_address,
                private_ip_addresses: Vec::new(),
                secondary_private_ip_address_count: 0,
                ipv6_addresses: self.ipv6_addresses.clone(),
                ipv6_address_count: self.ipv6_address_count,
                associate_public_ip_address: None,
                delete_on_termination: None,
                connection_tracking_specification: None,
                description: String::new(),
            }]);
        }
        let groups = !self.security_group_ids.is_empty() || !self.security_groups.is_empty();
        if self.subnet_id.is_some() || groups {
            return Err(error::combination(
                "Network interfaces and an instance-level subnet ID or security groups may not be \
                specified on the same request",
            ));
        }
        let mut interfaces = self.network_interfaces.clone();
        for wanted in &mut interfaces {
            if wanted.network_interface_id.is_none() && wanted.subnet_id.is_none() {
                wanted.subnet_id = Some(default_subnet()?);
            }
        }
        interfaces.sort_by_key(|it| it.device_index);
        if interfaces[0].device_index != 0 {
            return Err(error::invalid_parameter_value(
                "An instance needs a network interface at device index 0",
            ));
        }
        // A scenario's file says what there is, not how it was launched.
        if !tx.is_structural() {
            check_public_addresses(&interfaces)?;
        }
        let existing = interfaces
            .iter()
            .any(|it| it.network_interface_id.is_some());
        if existing && self.max_count > 1 {
            return Err(error::combination(
                "A network interface can be attached to one instance only",
            ));
        }
        Ok(interfaces)
    }

    /// The groups that are given by their names.
    fn named_groups(
        &self,
        tx: &Transaction<'_>,
        subnet: &SubnetId,
    ) -> Result<Vec<SecurityGroupId>, ApiError> {
        if self.security_groups.is_empty() {
            return Ok(Vec::new());
        }
        let vpc_id = &tx.get::<Subnet>(subnet)?.vpc_id;
        if !tx.get::<Vpc>(vpc_id)?.is_default {
            return Err(error::combination(
                "The parameter groupName cannot be used with the parameter subnet",
            ));
        }
        let group = |name: &SmolStr| {
            let mut groups = tx.each::<SecurityGroup>();
            let found = groups.find(|it| it.vpc_id == *vpc_id && it.group_name == *name);
            let found = found.ok_or_else(|| error::group_name_not_found(name));
            found.map(|it| it.group_id.clone())
        };
        self.security_groups.iter().map(group).collect()
    }
}

fn launch(
    tx: &mut Transaction<'_>,
    request: &RunInstances,
    interfaces: &[InterfaceRequest],
    image_id: Option<&str>,
) -> Result<InstanceId, ApiError> {
    let subnet_id = primary_subnet(tx, &interfaces[0])?;
    let subnet = tx.get::<Subnet>(&subnet_id)?.clone();
    let instance_type = request.instance_type.clone();
    let instance_type = instance_type.unwrap_or_else(|| InstanceType::DEFAULT.into());
    let id = tx.new_id::<Instance>();
    let mut tags = tx.tags::<Instance>()?;
    let template = request.launch_template.as_ref();
    tags.extend(
        template
            .map(launch_template::Specification::tags)
            .unwrap_or_default(),
    );
    let instance = Instance {
        instance_id: id.clone(),
        nitro_generation: instance_type::known(&instance_type)?.nitro_generation,
        instance_type,
        state: InstanceState::Pending,
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        network_interfaces: Vec::new(),
        metadata_options: request
            .metadata_options
            .applied_to(image::metadata_options(image_id, &tx.region))?,
        iam_instance_profile: None,
        iam_role: None,
        iam_role_since: None,
        launch_time: tx.utc(),
        reboots: 0,
        owner_id: tx.owner.clone(),
        tags,
    };
    tx.put(instance);
    for wanted in interfaces {
        let interface_id = interface(tx, wanted)?;
        interface_attachment::attach(tx, &interface_id, &id, wanted.device_index)?;
    }
    let public = interfaces[0].associate_public_ip_address;
    let is_new = interfaces[0].network_interface_id.is_none();
    let by_subnet = is_new && interfaces.len() == 1 && subnet.map_public_ip_on_launch;
    if public.unwrap_or(by_subnet) {
        instance_state::give_public_address(tx, &id)?;
    }
    Ok(id)
}

/// An instance stands in the zone of its subnet.
fn check_zone(
    tx: &Transaction<'_>,
    zone: Option<&str>,
    interfaces: &[InterfaceRequest],
) -> Result<(), ApiError> {
    let Some(zone) = zone else { return Ok(()) };
    let subnet = tx.get::<Subnet>(&primary_subnet(tx, &interfaces[0])?)?;
    match subnet.availability_zone == zone {
        true => Ok(()),
        false => Err(error::subnet_elsewhere(
            zone,
            &subnet.subnet_id,
            &subnet.availability_zone,
        )),
    }
}

/// A public address can be asked for with a single interface that is new and at device index 0
/// (`InstanceNetworkInterfaceSpecification`, `AssociatePublicIpAddress`).
fn check_public_addresses(interfaces: &[InterfaceRequest]) -> Result<(), ApiError> {
    let mut asking = interfaces
        .iter()
        .filter(|it| it.associate_public_ip_address == Some(true));
    let Some(asking) = asking.next() else {
        return Ok(());
    };
    if asking.network_interface_id.is_some() {
        return Err(error::combination(
            "A network interface may not specify both a network interface ID and a public IP \
             address association",
        ));
    }
    if interfaces.len() > 1 {
        return Err(error::combination(
            "The associatePublicIPAddress parameter cannot be specified when launching with \
             multiple network interfaces",
        ));
    }
    Ok(())
}

fn primary_subnet(tx: &Transaction<'_>, first: &InterfaceRequest) -> Result<SubnetId, ApiError> {
    match (&first.network_interface_id, &first.subnet_id) {
        (Some(id), _) => Ok(tx.get::<NetworkInterface>(id)?.subnet_id.clone()),
        (None, Some(id)) => Ok(id.clone()),
        (None, None) => Err(error::vpc_not_specified()),
    }
}

/// An existing interface, or a new one that goes with the instance.
fn interface(
    tx: &mut Transaction<'_>,
    wanted: &InterfaceRequest,
) -> Result<NetworkInterfaceId, ApiError> {
    if let Some(id) = &wanted.network_interface_id {
        let interface = tx.get::<NetworkInterface>(id)?;
        network_interface::refuse_managed(interface)?;
        if interface.attachment.is_some() {
            return Err(error::interface_in_use(id));
        }
        if wanted.delete_on_termination == Some(true) {
            tx.state.delete_on_termination.insert(id.clone());
        }
        return Ok(id.clone());
    }
    let (listed, secondary) = AddressRequest::split(&wanted.private_ip_addresses);
    let new = NewInterface {
        subnet: wanted
            .subnet_id
            .clone()
            .ok_or_else(error::vpc_not_specified)?,
        address: wanted.private_ip_address.or(listed),
        secondary,
        secondary_count: wanted.secondary_private_ip_address_count,
        ipv6: Wanted::new(&wanted.ipv6_addresses, wanted.ipv6_address_count)?,
        groups: wanted.groups.clone(),
        interface_type: InterfaceType::Interface,
        description: wanted.description.clone(),
    };
    let mut interface = network_interface::make(tx, new)?;
    if let Some(timeouts) = wanted.connection_tracking_specification {
        let checked = network_interface::checked_timeouts(timeouts)?;
        interface.connection_tracking_configuration = checked;
    }
    interface.tag_set = tx.tags::<NetworkInterface>()?;
    let id = interface.network_interface_id.clone();
    tx.put(interface);
    if wanted.delete_on_termination.unwrap_or(true) {
        tx.state.delete_on_termination.insert(id.clone());
    }
    Ok(id)
}
