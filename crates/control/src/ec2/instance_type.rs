//! Instance types by name; what they allow is in `model`.

use wirelab_model::*;

use crate::error;
use crate::transaction::Transaction;

/// The type called `name`.
///
/// # Errors
/// A name that is in none of the families that are known.
pub(crate) fn known(name: &str) -> Result<InstanceType, ApiError> {
    InstanceType::find(name).ok_or_else(|| {
        let names: Vec<_> = InstanceType::names().collect();
        error::instance_type(name, error::nearest(name, names.iter().map(String::as_str)))
    })
}

/// Whether an instance of the type can have the interface as it is, with its addresses and
/// settings.
pub(crate) fn check_interface(
    kind: &InstanceType,
    interface: &NetworkInterface,
) -> Result<(), ApiError> {
    let most = kind.addresses_per_interface;
    let longest = interface
        .private_ip_addresses
        .len()
        .max(interface.ipv6_addresses.len());
    if longest > most {
        return Err(error::private_address_limit(
            &interface.network_interface_id,
            most,
        ));
    }
    let untouched = ConnectionTracking::default();
    if kind.nitro_generation == NitroGeneration::Xen
        && interface.connection_tracking_configuration != untouched
    {
        return Err(error::unsupported(
            "Connection tracking timeouts can be configured on Nitro-based instances only",
        ));
    }
    Ok(())
}

/// As [`check_interface`], for the instance that the interface is attached to, if there is one.
pub(crate) fn check_attached(
    tx: &Transaction<'_>,
    interface: &NetworkInterface,
) -> Result<(), ApiError> {
    let attachment = interface.attachment.as_ref();
    let Some(id) = attachment.and_then(|it| it.instance_id.as_ref()) else {
        return Ok(());
    };
    check_interface(&known(&tx.get::<Instance>(id)?.instance_type)?, interface)
}
