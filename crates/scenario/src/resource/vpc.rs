//! `[vpc.*]` and `[dhcp_options.*]`.

use serde_json::json;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// The address pool that blocks of one's own are from.
const BYOIP_POOL: &str = "ipv6pool-ec2-0123456789abcdef0";

/// `[vpc.app] cidr_block, secondary_cidr_blocks, enable_dns_support, enable_dns_hostnames,
/// dhcp_options, ipv6, ipv6_cidr_block, account, region`: what is in the VPC belongs to the same
/// account and Region. With `ipv6 = true` Amazon gives a /56; `ipv6_cidr_block` is one of one's own
/// (BYOIP).
pub(super) fn vpcs(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("vpc") {
        let _ = vpc(builder, &name, &fields);
        fields.finish();
    }
}

fn vpc(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let block = fields.required_text("cidr_block");
    let more = fields.texts("secondary_cidr_blocks");
    let attributes = [
        ("EnableDnsSupport", fields.boolean("enable_dns_support")),
        ("EnableDnsHostnames", fields.boolean("enable_dns_hostnames")),
    ];
    let options = fields.text("dhcp_options");
    let own_ipv6 = fields.text("ipv6_cidr_block").map(|it| it.text);
    let amazon_ipv6 = fields.boolean("ipv6").filter(|_| own_ipv6.is_none());
    let parameters = json!({
        "CidrBlock": block?.text,
        "AmazonProvidedIpv6CidrBlock": amazon_ipv6,
        "Ipv6CidrBlock": own_ipv6,
        "Ipv6Pool": own_ipv6.as_ref().map(|_| BYOIP_POOL),
        "TagSpecifications": name_tag("vpc", name),
    });
    let caller = builder.caller(fields);
    let operation = ("CreateVpc", "/Vpc/VpcId");
    let id = builder.create_as(&caller, fields, "vpc", name, operation, parameters)?;
    bind_defaults(builder, name, &id);
    for block in more {
        let parameters = json!({ "VpcId": id, "CidrBlock": block.text });
        builder.call(&block.span, name, "AssociateVpcCidrBlock", parameters);
    }
    for (attribute, value) in attributes {
        if let Some(value) = value {
            let parameters = json!({ "VpcId": id, attribute: { "Value": value } });
            builder.call(fields.span(), name, "ModifyVpcAttribute", parameters);
        }
    }
    if let Some(options) = options {
        let options_id = builder.id("dhcp_options", &options)?;
        let parameters = json!({ "VpcId": id, "DhcpOptionsId": options_id });
        builder.call(&options.span, name, "AssociateDhcpOptions", parameters);
    }
    Some(())
}

/// What AWS makes with a VPC is called `main` (route table) and `default` (network ACL, security
/// group), followed by the VPC's name: `route_table.main-app`.
fn bind_defaults(builder: &mut Builder<'_>, name: &str, vpc: &str) {
    let resources = builder.control.resources();
    let tables = resources
        .route_tables
        .values()
        .filter(|it| it.vpc_id.as_str() == vpc);
    let tables = tables.map(|it| ("route_table.main", it.route_table_id.as_str().to_owned()));
    let acls = resources
        .network_acls
        .values()
        .filter(|it| it.vpc_id.as_str() == vpc);
    let acls = acls.map(|it| ("network_acl.default", it.network_acl_id.as_str().to_owned()));
    let groups = resources
        .security_groups
        .values()
        .filter(|it| it.vpc_id.as_str() == vpc);
    let groups = groups.map(|it| ("security_group.default", it.group_id.as_str().to_owned()));
    let found: Vec<(&str, String)> = tables.chain(acls).chain(groups).collect();
    for (kind, id) in found {
        builder.names.bind(format!("{kind}-{name}"), id);
    }
}

/// `[dhcp_options.x] domain_name_servers, domain_name, ntp_servers, account, region`.
pub(super) fn dhcp_options(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("dhcp_options") {
        let keys = [
            ("domain-name-servers", "domain_name_servers"),
            ("domain-name", "domain_name"),
            ("ntp-servers", "ntp_servers"),
        ];
        let mut configurations = Vec::new();
        for (key, field) in keys {
            let values: Vec<String> = fields.texts(field).into_iter().map(|it| it.text).collect();
            if !values.is_empty() {
                configurations.push(json!({ "Key": key, "Values": values }));
            }
        }
        let parameters = json!({
            "DhcpConfigurations": configurations,
            "TagSpecifications": name_tag("dhcp-options", &name),
        });
        let caller = builder.caller(&fields);
        let operation = ("CreateDhcpOptions", "/DhcpOptions/DhcpOptionsId");
        let kind = "dhcp_options";
        builder.create_as(&caller, &fields, kind, &name, operation, parameters);
        fields.finish();
    }
}
