//! Front ends of AWS's services: what an HTTP client hears from S3, STS or SSM without a signed
//! request.
//!
//! They speak plain HTTP on both ports: TLS and the services' own APIs are no part of the network.

use std::net::IpAddr;

use wirelab_model::AWS_SERVICES;

use super::Context;
use super::http::{Request, Response};
use crate::fabric::{Owner, Service, service_addresses};

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
    let name = service_name(service, local, context).unwrap_or_default();
    let id = format!("{:016X}", context.now.as_nanos());
    if request.path == "/ping" || request.path == "/healthcheck" {
        // DynamoDB's own health check, and what others answer as well.
        return Response::text("healthy").from_server("Server");
    }
    if name == "s3" {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access \
             Denied</Message><RequestId>{id}</RequestId></Error>"
        );
        let response = Response::new(403, "application/xml", body).from_server("AmazonS3");
        return response.with_header("x-amz-request-id", id);
    }
    let body = "{\"__type\":\"MissingAuthenticationTokenException\",\"message\":\"Missing Authentication \
                Token\"}\n";
    Response::new(403, "application/json", body.to_owned())
        .from_server("Server")
        .with_header("x-amzn-RequestId", id)
}

/// Which service answers there.
fn service_name(service: &Service, local: IpAddr, context: Context<'_>) -> Option<&'static str> {
    let plan = context.plan;
    match service {
        Service::LinkLocal(_) => None,
        Service::Endpoint(interface) => {
            let nic = plan.find_interface(*interface)?;
            let Owner::VpcEndpoint(at) = nic.owner else {
                return None;
            };
            Some(plan.endpoint(at).service?.name)
        }
        Service::Gateway(id) => Some(plan.find_endpoint(id)?.service?.name),
        Service::Public(_) => {
            let resources = context.resources;
            let mut regions = resources.vpcs.values().map(|it| &it.region);
            regions.find_map(|region| {
                let mut services = AWS_SERVICES.iter();
                let found =
                    services.find(|it| service_addresses(resources, it, region).contains(&local));
                found.map(|it| it.name)
            })
        }
    }
}
