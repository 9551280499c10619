//! Front ends of AWS's services: what an HTTP client hears from S3, STS or SSM without a signed
//! request.
//!
//! HTTP at port 80, and inside TLS at port 443; the services' own APIs are no part of the network.

use std::net::IpAddr;

use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{AWS_SERVICES, AwsService};

use super::Context;
use super::http::{Request, Response};
use crate::fabric::{Owner, Service, service_addresses};
use crate::host::TlsServerSpec;

/// The answer to a request that came by `service` to `local`.
pub(super) fn answer(
    service: &Service,
    local: IpAddr,
    request: &Request,
    context: Context<'_>,
) -> Response {
    if request.broken {
        return Response::empty(400);
    }
    let name = identity(service, local, context).map_or("", |(it, _)| it.name);
    let id = format!("{:016X}", context.now.as_nanos());
    if request.path == "/ping" || request.path == "/healthcheck" {
        // DynamoDB's own health check, and what others answer as well.
        return Response::text("healthy").with_server("Server");
    }
    if name == "s3" {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access \
             Denied</Message><RequestId>{id}</RequestId></Error>"
        );
        let response = Response::new(403, "application/xml", body).with_server("AmazonS3");
        return response.with_header("x-amz-request-id", id);
    }
    let body = "{\"__type\":\"MissingAuthenticationTokenException\",\"message\":\"Missing Authentication \
                Token\"}\n";
    Response::new(403, "application/json", body.to_owned())
        .with_server("Server")
        .with_header("x-amzn-RequestId", id)
}

/// The certificate shown there: for the service's public name, for what is below it, and for the
/// names of endpoints.
pub(super) fn certificate(service: &Service, local: IpAddr, context: Context<'_>) -> TlsServerSpec {
    let names = |(service, region): (&AwsService, SmolStr)| {
        let public = service.public_name(&region);
        let below = format_smolstr!("*.{public}");
        let endpoints = format_smolstr!("*.{}.{region}.vpce.amazonaws.com", service.name);
        vec![public, below, endpoints]
    };
    TlsServerSpec {
        names: identity(service, local, context).map_or_else(Vec::new, names),
        ..TlsServerSpec::default()
    }
}

/// Which service answers there, and in which Region.
fn identity(
    service: &Service,
    local: IpAddr,
    context: Context<'_>,
) -> Option<(&'static AwsService, SmolStr)> {
    let (plan, resources) = (context.plan, context.resources);
    match service {
        Service::LinkLocal(_) => None,
        Service::Endpoint(interface) => {
            let nic = plan.find_interface(*interface)?;
            let Owner::VpcEndpoint(at) = nic.owner else {
                return None;
            };
            let vpc = resources.vpcs.get(&plan.vpc(nic.vpc).id)?;
            Some((plan.endpoint(at).service?, vpc.region.clone()))
        }
        Service::Gateway(id) => {
            let vpc = &resources.vpc_endpoints.get(id)?.vpc_id;
            let region = resources.vpcs.get(vpc)?.region.clone();
            Some((plan.find_endpoint(id)?.service?, region))
        }
        Service::Public(_) => {
            let mut regions = resources.vpcs.values().map(|it| &it.region);
            regions.find_map(|region| {
                let mut services = AWS_SERVICES.iter();
                let found =
                    services.find(|it| service_addresses(resources, it, region).contains(&local));
                Some((found?, region.clone()))
            })
        }
    }
}
