//! EC2's error codes and messages in one table, so that they can be corrected in one place.
//!
//! Codes are from the Amazon EC2 API Reference, "Error codes for the Amazon EC2 API". Messages are
//! worded as EC2's where they are known, and for the reader where they are not.

use std::fmt::Display;

use wirelab_model::ApiError;

/// The candidate nearest to `name`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = name.to_ascii_lowercase();
    candidates
        .map(|candidate| {
            let similarity = strsim::jaro_winkler(&lower, &candidate.to_ascii_lowercase());
            (candidate, similarity)
        })
        .filter(|(_, similarity)| *similarity > 0.85)
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .map(|(candidate, _)| candidate)
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(". Did you mean {name}?"))
}

/// An error in the words of the service: the request itself is read for all in EC2's.
pub(crate) fn of_service(service: &str, error: ApiError) -> ApiError {
    let code = match service {
        "logs" => "InvalidParameterException",
        "athena" => "InvalidRequestException",
        "cloudtrail" => "InvalidParameterCombinationException",
        "iam" => "ValidationError",
        "servicequotas" => "IllegalArgumentException",
        "ssm" => "ValidationException",
        _ => return error,
    };
    match error.code.as_str() {
        "InvalidParameter"
        | "InvalidParameterValue"
        | "MissingParameter"
        | "UnknownParameter"
        | "IdempotentParameterMismatch" => ApiError::client(code, error.message),
        _ => error,
    }
}

macro_rules! errors {
    ($(
        $(#[$doc:meta])*
        $name:ident($($argument:ident: $type:ty),*) = $code:literal, $message:literal;
    )*) => {$(
        $(#[$doc])*
        pub(crate) fn $name($($argument: $type),*) -> ApiError {
            ApiError::client($code, format!($message))
        }
    )*};
}

errors! {
    // The request itself.
    unknown_service(service: &str) = "InvalidAction",
        "The service {service} is not simulated. Simulated: athena, cloudtrail, ec2, iam, \
        logs, monitoring, route53, servicequotas, ssm";
    dry_run_operation() = "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.";
    idempotent_parameter_mismatch() = "IdempotentParameterMismatch",
        "The client token has already been used with different parameters";
    missing_parameter(name: &str) = "MissingParameter",
        "The request must contain the parameter {name}";
    missing_one_of(names: &str) = "MissingParameter",
        "The request must contain one of the parameters {names}";
    invalid_parameter(message: impl Display) = "InvalidParameter", "{message}";
    invalid_parameter_value(message: impl Display) = "InvalidParameterValue", "{message}";
    invalid_value(value: &str, name: &str, why: &str) = "InvalidParameterValue",
        "Value ({value}) for parameter {name} is invalid: {why}";
    combination(message: impl Display) = "InvalidParameterCombination", "{message}";
    unsupported(message: impl Display) = "UnsupportedOperation", "{message}";
    not_permitted(message: impl Display) = "OperationNotPermitted", "{message}";
    pagination_token() = "InvalidPaginationToken", "The specified pagination token is not valid";
    dependency(what: &str, id: impl Display) = "DependencyViolation",
        "The {what} '{id}' has dependencies and cannot be deleted.";
    dependency_violation(message: impl Display) = "DependencyViolation", "{message}";
    incorrect_state(message: impl Display) = "IncorrectState", "{message}";

    // VPC and subnet.
    vpc_limit() = "VpcLimitExceeded", "The maximum number of VPCs has been reached.";
    vpc_range(cidr: impl Display) = "InvalidVpc.Range",
        "The CIDR '{cidr}' is invalid: a VPC's block is /16 to /28.";
    vpc_ipv6_range(cidr: impl Display) = "InvalidVpc.Range",
        "The CIDR '{cidr}' is invalid: a VPC's IPv6 block is a /56.";
    cidr_limit(vpc: impl Display) = "CidrLimitExceeded",
        "This network '{vpc}' has met its maximum number of allowed CIDRs";
    cidr_conflict(cidr: impl Display) = "InvalidVpc.Range",
        "The CIDR '{cidr}' conflicts with a CIDR block of the VPC";
    cidr_restricted(cidr: impl Display, vpc: impl Display) = "InvalidVpc.Range",
        "The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the \
        current VPC CIDR of {vpc}, or use a publicly-routable CIDR.";
    vpc_reserved(cidr: impl Display) = "InvalidVpc.Range",
        "The CIDR '{cidr}' is invalid: it is in a range that is reserved and cannot be a VPC's.";
    cidr_covers_route(cidr: impl Display, route: impl Display, table: impl Display) =
        "InvalidVpc.Range",
        "The CIDR '{cidr}' is the same as or larger than the destination {route} of a route in {table}";
    cidr_association_not_found(id: &str) = "InvalidVpcCidrBlockAssociationID.NotFound",
        "The vpc CIDR block association ID '{id}' does not exist";
    default_vpc_exists() = "DefaultVpcAlreadyExists",
        "A Default VPC already exists for this account in this region.";
    no_default_vpc() = "DefaultVpcDoesNotExist",
        "No default VPC exists for this account in this region.";
    default_subnet_exists(zone: &str) = "DefaultSubnetAlreadyExistsInAvailabilityZone",
        "'{zone}' already has a default subnet.";
    several_interfaces(id: impl Display) = "InvalidInstanceID",
        "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID \
        for the operation instead.";
    key_pair_not_found(name: &str) = "InvalidKeyPair.NotFound",
        "The key pair '{name}' does not exist";
    key_pair_exists(name: &str) = "InvalidKeyPair.Duplicate",
        "The key pair '{name}' already exists";
    launch_template_malformed(id: &str) = "InvalidLaunchTemplateId.Malformed",
        "The specified launch template ID, {id}, is malformed.";
    launch_template_not_found(id: &str) = "InvalidLaunchTemplateId.NotFound",
        "The specified launch template, with template ID {id}, does not exist.";
    launch_template_name_not_found() = "InvalidLaunchTemplateName.NotFoundException",
        "At least one of the launch templates specified in the request does not exist.";
    launch_template_name_malformed() = "InvalidLaunchTemplateName.MalformedException",
        "A launch template name must be between 3 and 128 characters, and may contain letters, \
        numbers, and the following characters: - ( ) . / _.";
    launch_template_exists() = "InvalidLaunchTemplateName.AlreadyExistsException",
        "Launch template name already in use.";
    launch_template_version_not_found(version: &str) = "InvalidLaunchTemplateId.VersionNotFound",
        "Could not find launch template version {version}";
    key_format() = "InvalidKey.Format", "Key is not in valid OpenSSH public key format";
    protected(id: impl Display, done: &str, attribute: &str) = "OperationNotPermitted",
        "The instance '{id}' may not be {done}. Modify its '{attribute}' instance attribute and try \
        again.";
    no_zone(name: &str) = "InvalidParameterValue", "Invalid availability zone: [{name}]";
    subnet_elsewhere(zone: &str, subnet: impl Display, is_in: &str) = "InvalidParameterValue",
        "Value ({zone}) for parameter availabilityZone is invalid. Subnet '{subnet}' is in the \
        availability zone {is_in}";
    vpc_not_specified() = "VPCIdNotSpecified",
        "No default VPC for this user. Name a SubnetId or NetworkInterfaces.";
    subnet_limit(vpc: impl Display) = "SubnetLimitExceeded",
        "The maximum number of subnets has been reached in {vpc}.";
    subnet_range(cidr: impl Display) = "InvalidSubnet.Range", "The CIDR '{cidr}' is invalid.";
    subnet_cidr_association_not_found(id: &str) = "InvalidSubnetCidrBlockAssociationID.NotFound",
        "The subnet CIDR block association ID '{id}' does not exist";
    subnet_conflict(cidr: impl Display) = "InvalidSubnet.Conflict",
        "The CIDR '{cidr}' conflicts with another subnet";

    // Route tables and gateways.
    route_table_limit(vpc: impl Display) = "RouteTableLimitExceeded",
        "The maximum number of route tables has been reached in {vpc}.";
    route_limit(table: impl Display) = "RouteLimitExceeded",
        "The maximum number of routes has been reached in {table}.";
    route_exists(destination: impl Display) = "RouteAlreadyExists",
        "The route identified by {destination} already exists.";
    route_not_found(destination: impl Display, table: impl Display) = "InvalidRoute.NotFound",
        "no route with destination-cidr-block {destination} in route table {table}";
    association_not_found(id: impl Display) = "InvalidAssociationID.NotFound",
        "The association ID '{id}' does not exist";
    already_associated(message: impl Display) = "Resource.AlreadyAssociated", "{message}";
    gateway_not_found(id: impl Display) = "InvalidGatewayID.NotFound",
        "The gateway ID '{id}' does not exist";
    gateway_not_attached(gateway: impl Display, vpc: impl Display) = "Gateway.NotAttached",
        "resource {gateway} is not attached to network {vpc}";
    no_internet_gateway(vpc: impl Display) = "Gateway.NotAttached",
        "Network {vpc} is not attached to any internet gateway";
    egress_only_internet_gateway_limit(vpc: impl Display) =
        "EgressOnlyInternetGatewayLimitExceeded",
        "The maximum number of egress-only internet gateways has been reached, or {vpc} has one.";
    route_not_supported(message: impl Display) = "RouteNotSupported", "{message}";
    vpn_gateway_not_attached(gateway: impl Display, vpc: impl Display) =
        "InvalidVpnGatewayAttachment.NotFound",
        "The attachment with vpn gateway ID '{gateway}' and vpc ID '{vpc}' does not exist";
    vpn_attachment_limit(gateway: impl Display, vpc: impl Display) =
        "VpnGatewayAttachmentLimitExceeded",
        "{gateway} can be attached to one VPC, and {vpc} can have one virtual private gateway";
    vpn_connection_state(id: impl Display) = "InvalidVpnConnection.InvalidState",
        "The VPN connection '{id}' is not in a state that allows this";
    vpn_connection_limit() = "VpnConnectionLimitExceeded",
        "The maximum number of VPN connections has been reached.";
    vpn_route_limit(id: impl Display) = "VpnConnectionRouteLimitExceeded",
        "The maximum number of static routes of {id} has been reached.";
    vpn_gateway_limit() = "VpnGatewayLimitExceeded",
        "The maximum number of virtual private gateways has been reached.";
    customer_gateway_limit() = "CustomerGatewayLimitExceeded",
        "The maximum number of customer gateways has been reached.";
    nat_gateway_limit(zone: impl Display) = "NatGatewayLimitExceeded",
        "The maximum number of NAT gateways has been reached in {zone}.";

    // The name is ours: AWS documents the quota, not the code.
    nat_gateway_address_limit(limit: usize) = "NatGatewayLimitExceeded",
        "The maximum number of addresses of the NAT gateway ({limit}) has been reached.";
    operation_in_progress(word: &str, names: &str) = "OperationInProgress",
        "Service is currently {word} the following EIPs: [{names}].";
    // VPC endpoints.
    service_name(name: &str) = "InvalidServiceName",
        "The Vpc Endpoint Service '{name}' does not exist";
    endpoint_type(service: &str, kind: wirelab_model::VpcEndpointType) = "InvalidParameter",
        "Endpoint type ({kind:?}) does not match available service types of {service}.";
    vpc_endpoint_limit() = "VpcEndpointLimitExceeded",
        "The maximum number of VPC endpoints has been reached.";
    endpoint_route_exists(table: impl Display, destination: impl Display) = "RouteAlreadyExists",
        "route table {table} already has a route with destination-prefix-list-id {destination}";
    duplicate_zone(subnet: impl Display) = "DuplicateSubnetsInSameZone",
        "Found another VPC endpoint subnet in the availability zone of {subnet}. VPC endpoint \
        subnets should be in different availability zones supported by the VPC endpoint service.";

    // Route 53.
    no_such_hosted_zone(id: impl Display) = "NoSuchHostedZone",
        "No hosted zone found with ID: {id}";
    no_such_health_check(id: &str) = "NoSuchHealthCheck",
        "No health check exists with the specified ID {id}.";
    no_such_change(id: &str) = "NoSuchChange", "A change with the specified change ID {id} does not exist.";
    invalid_domain_name(name: &str) = "InvalidDomainName", "{name} is not a valid domain name";
    invalid_input(message: impl Display) = "InvalidInput", "{message}";
    zone_policy(name: &str) = "InvalidInput",
        "wirelab does not simulate {name} of a resource record set: routing is simple, and there are \
        no health checks";
    zone_vpc_not_found(vpc: impl Display) = "InvalidVPCId",
        "The VPC: {vpc} that you provided is not authorized to make the association, or does not exist.";
    hosted_zone_exists(reference: &str) = "HostedZoneAlreadyExists",
        "A hosted zone has already been created with the specified caller reference: {reference}";
    hosted_zone_not_empty() = "HostedZoneNotEmpty",
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
    conflicting_domain(name: &str, vpc: impl Display) = "ConflictingDomainExists",
        "The VPC {vpc} has already been associated with a hosted zone with the same domain name {name}";
    not_authorized(vpc: impl Display) = "NotAuthorizedException",
        "The VPC: {vpc} has not authorized to associate with your hosted zone.";
    public_zone() = "PublicZoneVPCAssociation",
        "You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support \
        associating a VPC with a public hosted zone.";
    vpc_association_not_found(vpc: impl Display) = "VPCAssociationNotFound",
        "The VPC: {vpc} is not associated with the hosted zone.";
    vpc_authorization_not_found(vpc: impl Display) = "VPCAssociationAuthorizationNotFound",
        "The VPC {vpc} that you specified is not authorized to be associated with the hosted zone.";
    last_vpc_association() = "LastVPCAssociation",
        "The VPC that you're trying to disassociate from the private hosted zone is the last VPC that \
        is associated with the hosted zone.";
    invalid_change_batch(message: impl Display) = "InvalidChangeBatch", "[{message}]";

    // Network ACLs.
    network_acl_limit(vpc: impl Display) = "NetworkAclLimitExceeded",
        "The maximum number of network ACLs has been reached in {vpc}.";
    entry_exists(number: u16) = "NetworkAclEntryAlreadyExists",
        "The network acl entry identified by {number} already exists.";
    entry_limit(acl: impl Display) = "NetworkAclEntryLimitExceeded",
        "The maximum number of network acl entries has been reached in {acl}.";
    entry_not_found(number: u16, acl: impl Display) = "InvalidNetworkAclEntry.NotFound",
        "The network acl entry identified by {number} in {acl} does not exist";

    // Security groups.
    group_limit() = "SecurityGroupLimitExceeded",
        "The maximum number of security groups has been reached.";
    group_duplicate(name: &str, vpc: impl Display) = "InvalidGroup.Duplicate",
        "The security group '{name}' already exists for VPC '{vpc}'";
    group_reserved(name: &str) = "InvalidGroup.Reserved",
        "The security group name '{name}' is reserved";
    group_name_not_found(name: &str) = "InvalidGroup.NotFound",
        "The security group '{name}' does not exist";
    group_not_in_default_vpc(name: &str, vpc: impl Display) = "InvalidGroup.NotFound",
        "The security group '{name}' does not exist in default VPC '{vpc}'";
    no_vpc_for_group_name() = "VPCIdNotSpecified",
        "No default VPC for this user. GroupName is only supported for the default VPC: give the \
         GroupId.";
    outbound_reference(id: impl Display) = "InvalidParameterValue",
        "The security group '{id}' is behind a transit gateway: only inbound rules may refer to it";
    group_in_use(id: impl Display) = "DependencyViolation",
        "resource {id} has a dependent object";
    cannot_delete_default(group: impl Display, name: &str) = "CannotDelete",
        "the specified group: \"{group}\" name: \"{name}\" cannot be deleted by a user";
    group_rule_limit() = "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.";
    rule_duplicate(rule: impl Display) = "InvalidPermission.Duplicate",
        "the specified rule \"{rule}\" already exists";
    rule_not_found() = "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.";
    rule_id_not_found(id: impl Display) = "InvalidSecurityGroupRuleId.NotFound",
        "The security group rule ID '{id}' does not exist";
    interface_group_limit(limit: usize) = "SecurityGroupsPerInterfaceLimitExceeded",
        "You have exceeded the maximum number of security groups allowed per network interface \
        ({limit})";

    // Prefix lists.
    prefix_list_limit() = "PrefixListLimitExceeded",
        "The maximum number of prefix lists has been reached.";
    prefix_list_full(max_entries: u32) = "PrefixListMaxEntriesExceeded",
        "The prefix list has room for {max_entries} entries.";
    prefix_list_version_mismatch(id: impl Display) = "PrefixListVersionMismatch",
        "The prefix list {id} has another version than the one given as CurrentVersion.";
    prefix_list_version_not_found(version: u64) = "InvalidPrefixListVersion.NotFound",
        "The prefix list has no version {version}";
    unauthorized_role(arn: &str) = "UnauthorizedOperation",
        "You are not authorized to perform this operation. Nobody may perform iam:PassRole on a \
         role of another account: {arn}";
    unauthorized_prefix_list(id: impl Display) = "UnauthorizedOperation",
        "You are not authorized to change the prefix list {id}: another account owns it.";

    // Interfaces, addresses, instances.
    image_malformed(id: &str) = "InvalidAMIID.Malformed",
        "Invalid id: \"{id}\" (expecting \"ami-...\")";
    volume_not_found(id: &str) = "InvalidVolume.NotFound", "The volume '{id}' does not exist.";
    volume_in_use(id: &str, instance: impl Display) = "VolumeInUse",
        "Volume {id} is currently attached to {instance}";
    volume_shrinks() = "InvalidParameterValue", "New size cannot be smaller than existing size";
    volume_modification_not_found(id: &str) = "InvalidVolumeModification.NotFound",
        "Modification for volume '{id}' does not exist.";
    volume_modification_state(id: &str, state: &str) = "IncorrectModificationState",
        "Volume {id} cannot be modified in modification state {state}";
    volume_modification_rate(most: usize, next: &str) = "VolumeModificationRateExceeded",
        "You've reached the maximum modification rate per volume limit: {most} modifications in 24 \
        hours. The next one can begin at {next}.";
    snapshot_not_found(id: &str) = "InvalidSnapshot.NotFound",
        "The snapshot '{id}' does not exist.";
    block_device(message: impl Display) = "InvalidBlockDeviceMapping", "{message}";
    volume_value(value: u32, name: &str, kind: &str, range: (u32, u32)) = "InvalidParameterValue",
        "Value ({value}) for parameter {name} is invalid: of {kind} volumes it is {range:?}";
    not_of_volume(name: &str, kind: &str) = "InvalidParameterCombination",
        "The parameter {name} is not supported for {kind} volumes.";
    key_without_encryption() = "InvalidParameterDependency",
        "The parameter KmsKeyId requires the parameter Encrypted to be set.";
    no_device(instance: impl Display, device: &str) = "InvalidInstanceAttributeValue",
        "No device is currently mapped at {device} of {instance}";
    image_parameter(name: &str) = "InvalidParameterValue",
        "The SSM parameter {name} does not exist or holds no image";
    image_architecture(of_type: &str, of_image: &str) = "InvalidParameterValue",
        "The architecture '{of_type}' of the specified instance type does not match the architecture \
        '{of_image}' of the specified AMI. Specify an instance type and an AMI that have matching \
        architectures, and try again.";
    user_data_limit() = "InvalidParameterValue", "User data is limited to 16384 bytes";
    no_free_address(subnet: impl Display) = "InsufficientFreeAddressesInSubnet",
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number \
        of instances.";
    no_ipv6_block(subnet: impl Display) = "InvalidParameterValue",
        "The subnet '{subnet}' has no IPv6 CIDR block.";
    address_in_use(address: impl Display) = "InvalidIPAddress.InUse",
        "Address {address} is in use.";
    address_not_in_subnet(address: impl Display) = "InvalidParameterValue",
        "Address {address} does not fall within the subnet's address range or is reserved";
    interface_in_use(id: impl Display) = "InvalidNetworkInterface.InUse",
        "Network interface '{id}' is currently in use.";
    attachment_not_found(id: impl Display) = "InvalidAttachmentID.NotFound",
        "The attachment ID '{id}' does not exist";
    attachment_limit(instance: impl Display, kind: &str, limit: usize) = "AttachmentLimitExceeded",
        "Interface count exceeds the limit for {kind}: {instance} can have {limit}.";
    private_address_limit(interface: impl Display, limit: usize) = "PrivateIpAddressLimitExceeded",
        "Number of private addresses will exceed limit of {limit} for {interface}.";
    address_limit() = "AddressLimitExceeded",
        "The maximum number of addresses has been reached.";
    public_address_not_found(address: impl Display) = "InvalidAddress.NotFound",
        "Address '{address}' not found.";
    profile_association_exists(instance: impl Display) = "IncorrectState",
        "There is an existing association for instance {instance}";
    profile_association_not_found(id: &str) = "InvalidAssociationID.NotFound",
        "An invalid association-id of '{id}' was given";
    profile_association_inactive(id: &str) = "IncorrectState",
        "The association {id} is not the active association";
    address_locked(id: impl Display) = "InvalidIPAddress.InUse",
        "The address with allocation id [{id}] is in use";
    incorrect_instance_state(id: impl Display, wanted: &str) = "IncorrectInstanceState",
        "The instance '{id}' is not in the '{wanted}' state.";

    // Reachability Analyzer.
    insights_path_not_found(id: &str) = "InvalidNetworkInsightsPathId.NotFound",
        "The network insights path ID '{id}' does not exist";
    insights_analysis_not_found(id: &str) = "InvalidNetworkInsightsAnalysisId.NotFound",
        "The network insights analysis ID '{id}' does not exist";
    insights_path_in_use(id: &str) = "AnalysisExistsForNetworkInsightsPath",
        "The network insights path '{id}' has analyses: delete them first";

    // CloudWatch Logs and Athena.
    log_parameter(message: impl Display) = "InvalidParameterException", "{message}";
    next_token() = "InvalidParameterException", "The specified nextToken is invalid.";
    no_log_group() = "ResourceNotFoundException", "The specified log group does not exist.";
    log_group_exists() = "ResourceAlreadyExistsException",
        "The specified log group already exists";
    no_log_stream() = "ResourceNotFoundException", "The specified log stream does not exist.";
    log_stream_exists() = "ResourceAlreadyExistsException",
        "The specified log stream already exists";
    no_metric_filter() = "ResourceNotFoundException",
        "The specified metric filter does not exist.";
    no_subscription_filter() = "ResourceNotFoundException",
        "The specified subscription filter does not exist.";
    no_query_definition() = "ResourceNotFoundException",
        "The specified query definition does not exist.";
    no_destination() = "ResourceNotFoundException", "The specified destination does not exist.";
    no_log_resource() = "ResourceNotFoundException", "The specified resource does not exist.";
    no_parameter(name: &str) = "ParameterNotFound", "Parameter {name} not found.";
    parameter_path(path: &str) = "ValidationException",
        "The parameter path {path} must begin with a slash";
    no_role(name: &str) = "NoSuchEntity", "The role with name {name} cannot be found.";
    no_profile(name: &str) = "NoSuchEntity", "Instance Profile {name} cannot be found.";
    profile_exists(name: &str) = "EntityAlreadyExists", "Instance Profile {name} already exists.";
    no_role_policy(name: &str) = "NoSuchEntity",
        "The role policy with name {name} cannot be found.";
    no_policy(arn: &str) = "NoSuchEntity", "Policy {arn} was not found.";
    no_policy_version(arn: &str, id: &str) = "NoSuchEntity",
        "Policy {arn} version {id} does not exist or is not attachable.";
    policy_exists(name: &str) = "EntityAlreadyExists",
        "A policy called {name} already exists. Duplicate names are not allowed.";
    role_exists(name: &str) = "EntityAlreadyExists", "Role with name {name} already exists.";
    role_in_use(what: &str) = "DeleteConflict", "Cannot delete entity, {what}.";
    iam_limit(what: &str, most: usize) = "LimitExceeded", "Cannot exceed quota for {what}: {most}";
    malformed_policy(message: &str) = "MalformedPolicyDocument", "{message}";
    iam_validation(message: impl Display) = "ValidationError", "{message}";
    trail_exists(name: &str) = "TrailAlreadyExistsException", "Trail {name} already exists";
    trail_limit(most: usize, region: &str) = "MaximumNumberOfTrailsExceededException",
        "{region} already has {most} trails.";
    trail_name(name: &str) = "InvalidTrailNameException",
        "Trail name {name} must be 3 to 128 letters, digits, periods, underscores and dashes.";
    no_trail(name: &str) = "TrailNotFoundException", "Unknown trail: {name}";
    trail_scope() = "InvalidParameterCombinationException",
        "Multi-Region trail must include global service events.";
    trail_arn(id: &str) = "CloudTrailARNInvalidException", "{id} is not the ARN of a trail.";
    no_trail_resource(arn: &str) = "ResourceNotFoundException", "Unknown trail: {arn}";
    trail_tag() = "InvalidTagParameterException",
        "A tag has a key of 1 to 128 characters, not beginning with aws:, and a value of at most \
         256";
    trail_tags(most: usize) = "TagsLimitExceededException", "A trail has at most {most} tags.";
    no_quota() = "NoSuchResourceException", "The specified resource does not exist.";
    quota_page() = "InvalidPaginationTokenException", "Invalid pagination token.";
    quota_not_higher(now: usize) = "IllegalArgumentException",
        "You must provide a quota value greater than the current quota value of {now}";
    quota_too_high(most: usize) = "IllegalArgumentException",
        "The desired value is more than can be had here: {most}";
    quota_product(rules: usize, groups: usize, most: usize) = "IllegalArgumentException",
        "Rules per security group multiplied by security groups per network interface cannot \
         exceed {most}: {rules} x {groups}";
    no_alarm(names: &str) = "ResourceNotFound", "The alarm does not exist: {names}";
    no_metric_resource() = "ResourceNotFoundException", "The named resource does not exist.";
    alarm_validation(message: impl Display) = "ValidationError", "{message}";
    alarm_format(message: impl Display) = "InvalidFormat", "{message}";
    log_limit() = "LimitExceededException", "Resource limit exceeded.";
    log_tag_limit() = "TooManyTagsException", "A resource can have no more than 50 tags.";
    log_access_denied(account: &str, destination: &str) = "AccessDeniedException",
        "The access policy of the destination {destination} does not let the account {account} \
        call logs:PutSubscriptionFilter";
    no_athena_resource(arn: &str) = "ResourceNotFoundException",
        "The resource {arn} was not found.";
    athena_request(message: impl Display) = "InvalidRequestException", "{message}";

    // VPC peering.
    peering_exists(one: impl Display, other: impl Display) = "VpcPeeringConnectionAlreadyExists",
        "A VPC peering connection between {one} and {other} already exists.";
    peering_limit(vpc: impl Display) = "VpcPeeringConnectionsPerVpcLimitExceeded",
        "The maximum number of active VPC peering connections has been reached for {vpc}.";
    outstanding_peering_limit() = "OutstandingVpcPeeringConnectionLimitExceeded",
        "The maximum number of outstanding VPC peering connection requests has been reached.";
    peering_transition(id: impl Display) = "InvalidStateTransition",
        "VpcPeeringConnectionID {id} is not in the correct state for the request.";
    peering_not_yours(account: &str, verb: &str, id: impl Display) = "OperationNotPermitted",
        "User ({account}) cannot {verb} peering {id}";
    peering_region(region: &str, id: impl Display, wanted: &str) = "OperationNotPermitted",
        "Incorrect region ({region}) specified for this request. VPC peering connection {id} must \
        be accepted in region {wanted}";
    peering_inactive(id: impl Display) = "OperationNotPermitted",
        "Peering {id} is not active. Peering options can be added only to active peerings.";
    peering_dns(vpc: impl Display) = "OperationNotPermitted",
        "Both VPCs need enableDnsSupport and enableDnsHostnames; {vpc} has not.";

    // The rest.
    tag_limit(id: impl Display) = "TagLimitExceeded",
        "The maximum number of tags for resource {id} has been reached";
    invalid_id(id: &str) = "InvalidID", "The ID '{id}' is not valid";
    flow_log_exists() = "FlowLogAlreadyExists",
        "There is an existing Flow Log with the same configuration and log destination.";
    duplicate_transit_gateway_attachment(gateway: impl Display, vpc: impl Display) =
        "DuplicateTransitGatewayAttachment", "{gateway} already has a VPC attachment with {vpc}";
    duplicate_transit_gateway_peering(gateway: impl Display, peer: impl Display) =
        "DuplicateTransitGatewayAttachment", "{gateway} already has a Peering attachment with {peer}";
    duplicate_subnets_in_zone(zone: impl Display) = "DuplicateSubnetsInSameZone",
        "Duplicate Subnets for same AZ: {zone}";
    transit_gateway_limit() = "TransitGatewayLimitExceeded",
        "The maximum number of transit gateways has been reached.";
    transit_gateways_per_vpc(vpc: impl Display, limit: usize) =
        "TransitGatewayAttachmentLimitExceeded",
        "{vpc} is attached to the maximum number of transit gateways ({limit}).";
    transit_gateway_attachment_limit(gateway: impl Display, limit: usize) =
        "TransitGatewayAttachmentLimitExceeded",
        "The maximum number of attachments of {gateway} has been reached ({limit}).";
    transit_gateway_route_table_limit(gateway: impl Display, limit: usize) =
        "TransitGatewayRouteTableLimitExceeded",
        "The maximum number of route tables of {gateway} has been reached ({limit}).";
    transit_gateway_route_limit(gateway: impl Display, limit: usize) =
        "TransitGatewayRouteLimitExceeded",
        "The maximum number of routes of {gateway} has been reached ({limit}).";
    transit_gateway_route_exists(cidr: impl Display) = "RouteAlreadyExists",
        "The route {cidr} already exists.";
}

/// The operation does not exist.
pub(crate) fn invalid_action(name: &str, nearest: Option<&str>) -> ApiError {
    let hint = did_you_mean(nearest);
    let message = format!("The action {name} is not valid for this web service{hint}");
    ApiError::client("InvalidAction", message)
}

/// The operation has no such parameter.
pub(crate) fn unknown_parameter(name: &str, nearest: Option<&str>) -> ApiError {
    let hint = did_you_mean(nearest);
    let message = format!("The parameter {name} is not recognized{hint}");
    ApiError::client("UnknownParameter", message)
}

/// No instance type is called so.
pub(crate) fn instance_type(name: &str, nearest: Option<&str>) -> ApiError {
    let hint = did_you_mean(nearest);
    let message = format!("Invalid value '{name}' for InstanceType{hint}");
    ApiError::client("InvalidParameterValue", message)
}

/// A describe call has such a filter, and there is nothing here to hold against it.
pub(crate) fn filter_not_simulated(name: &str) -> ApiError {
    let message = format!("wirelab does not simulate the filter '{name}'");
    ApiError::client("InvalidParameterValue", message)
}

/// A describe call has no such filter.
pub(crate) fn unknown_filter(name: &str, nearest: Option<&str>) -> ApiError {
    let hint = did_you_mean(nearest);
    let message = format!("The filter '{name}' is invalid{hint}");
    ApiError::client("InvalidParameterValue", message)
}

/// More operations a second than a volume of its size can be given.
pub(crate) fn iops_of_size(iops: u32, size: u32, most: u32) -> ApiError {
    let ratio = f64::from(iops) / f64::from(size);
    let message = format!("Iops to volume size ratio of {ratio:.6} is too high; maximum is {most}");
    ApiError::client("InvalidParameterValue", message)
}

/// More throughput than the operations a second can carry.
pub(crate) fn throughput_of_iops(throughput: u32, iops: u32) -> ApiError {
    let ratio = f64::from(throughput) / f64::from(iops);
    let message = format!(
        "Throughput (MiBps) to iops ratio of {ratio:.6} is too high; maximum is 0.250000 MiBps per \
         iops"
    );
    ApiError::client("InvalidParameterValue", message)
}
