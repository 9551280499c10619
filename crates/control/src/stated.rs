//! Parameters that state what is always so here.
//!
//! Clients state defaults: Terraform sends `HibernationOptions.Configured=false` with every launch
//! of a type that could hibernate. A call that says of something which is not simulated that it be
//! as it is here anyway asks for nothing, so such a parameter is taken off before the operation
//! reads its own. With any other value it stays, and is refused as what is not simulated.

use serde_json::{Map, Value};

/// A parameter of a call, and the values that say nothing.
struct Stated {
    operation: &'static str,
    /// Members from the outside to the inside; a list on the way stands for each of its elements.
    path: &'static str,
    values: &'static [&'static str],
}

macro_rules! stated {
    ($($operation:literal { $($path:literal = $($value:literal)|+;)* })*) => {
        &[$($(Stated { operation: $operation, path: $path, values: &[$($value),+] },)*)*]
    };
}

/// The defaults are those of the API Reference of each call.
const STATED: &[Stated] = stated! {
    "AllocateAddress" { "PublicIpv4Pool" = "amazon"; }
    "CreateNatGateway" { "AvailabilityMode" = "zonal"; }
    "CreateNetworkInterface" {
        "EnablePrimaryIpv6" = "false";
        "InterfaceType" = "interface";
    }
    "CreateSubnet" { "Ipv6Native" = "false"; }
    "CreateTransitGateway" { "Options.SecurityGroupReferencingSupport" = "disable"; }
    "CreateTransitGatewayVpcAttachment" {
        "Options.SecurityGroupReferencingSupport" = "disable" | "enable";
    }
    "CreateWorkGroup" {
        "Configuration.EnableMinimumEncryptionConfiguration" = "false";
        "Configuration.IdentityCenterConfiguration.EnableIdentityCenter" = "false";
        "Configuration.ManagedQueryResultsConfiguration.Enabled" = "false";
    }
    "DescribeInstances" { "IncludeManagedResources" = "false"; }
    "DescribeNetworkInterfaces" { "IncludeManagedResources" = "false"; }
    "DescribeVolumes" { "IncludeManagedResources" = "false"; }
    "ModifyVolume" { "MultiAttachEnabled" = "false"; }
    "RunInstances" {
        "AdditionalInfo" = "";
        "CapacityReservationSpecification.CapacityReservationPreference" = "open";
        "EnablePrimaryIpv6" = "false";
        "EnclaveOptions.Enabled" = "false";
        "HibernationOptions.Configured" = "false";
        "MaintenanceOptions.AutoRecovery" = "default";
        "NetworkInterfaces.InterfaceType" = "interface";
        "NetworkInterfaces.NetworkCardIndex" = "0";
        "NetworkInterfaces.PrimaryIpv6" = "false";
        "NetworkPerformanceOptions.BandwidthWeighting" = "default";
        "Placement.GroupName" = "";
        "Placement.Tenancy" = "default";
        "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord" = "false";
        "PrivateDnsNameOptions.EnableResourceNameDnsARecord" = "false";
        "PrivateDnsNameOptions.HostnameType" = "ip-name";
    }
    "UpdateWorkGroup" {
        "ConfigurationUpdates.EnableMinimumEncryptionConfiguration" = "false";
        "ConfigurationUpdates.ManagedQueryResultsConfigurationUpdates.Enabled" = "false";
        "ConfigurationUpdates.ManagedQueryResultsConfigurationUpdates.RemoveEncryptionConfiguration"
            = "false" | "true";
        "ConfigurationUpdates.RemoveCustomerContentEncryptionConfiguration" = "false" | "true";
    }
};

/// The parameters without those that state what is so anyway; `None`: there are none of these.
pub(crate) fn without(
    operation: &str,
    parameters: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    let of_call = |it: &&Stated| it.operation == operation && is_named(parameters, it.path);
    let mut stated = STATED.iter().filter(of_call).peekable();
    stated.peek()?;
    let mut rest = parameters.clone();
    for it in stated {
        take_off(&mut rest, it.path, it.values);
    }
    Some(rest)
}

fn is_named(parameters: &Map<String, Value>, path: &str) -> bool {
    let first = path.split('.').next().unwrap_or(path);
    parameters.contains_key(first)
}

/// Takes the member off, and what holds nothing else.
fn take_off(members: &mut Map<String, Value>, path: &str, values: &[&str]) {
    let Some((first, rest)) = path.split_once('.') else {
        if members.get(path).is_some_and(|it| is_one_of(it, values)) {
            members.remove(path);
        }
        return;
    };
    let is_emptied = match members.get_mut(first) {
        Some(Value::Object(inner)) => {
            take_off(inner, rest, values);
            inner.is_empty()
        }
        Some(Value::Array(all)) => {
            let inner = all.iter_mut().filter_map(Value::as_object_mut);
            inner.for_each(|it| take_off(it, rest, values));
            false
        }
        _ => false,
    };
    if is_emptied {
        members.remove(first);
    }
}

/// The command line reads some texts as numbers or booleans.
fn is_one_of(value: &Value, values: &[&str]) -> bool {
    match value {
        Value::String(text) => values.contains(&text.as_str()),
        Value::Bool(_) | Value::Number(_) => values.contains(&value.to_string().as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::without;

    fn rest(parameters: &Value) -> Value {
        let given = parameters.as_object().expect("members");
        without("RunInstances", given).map_or_else(|| parameters.clone(), Value::Object)
    }

    #[test]
    fn what_is_so_anyway_is_taken_off_and_the_rest_stays() {
        let given = json!({
            "ImageId": "ami-1",
            "HibernationOptions": { "Configured": "false" },
            "EnclaveOptions": { "Enabled": true },
            "Placement": { "Tenancy": "default", "AvailabilityZone": "us-east-1a" },
            "NetworkInterfaces": [{ "DeviceIndex": 0, "NetworkCardIndex": 0 }],
        });
        let wanted = json!({
            "ImageId": "ami-1",
            "EnclaveOptions": { "Enabled": true },
            "Placement": { "AvailabilityZone": "us-east-1a" },
            "NetworkInterfaces": [{ "DeviceIndex": 0 }],
        });
        assert_eq!(rest(&given), wanted);
        let other = json!({ "HibernationOptions": { "Configured": "true" } });
        assert_eq!(rest(&other), other);
    }
}
