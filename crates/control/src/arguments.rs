//! Parameters that many operations share, split off before an operation reads its own.

use serde::Deserialize;
use serde_json::{Map, Value};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Tag};

use crate::operation::Operation;
use crate::{error, request, stated};

/// A family of shared parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    /// `DryRun`: check, change nothing.
    DryRun,
    /// `ClientToken`: the same token gives the same reply.
    Token,
    /// `ClientToken` as Logs writes it.
    ClientTokenOfLogs,
    /// `ClientToken` as Athena calls it.
    ClientRequestToken,
    /// `TagSpecifications`.
    Tags,
    /// `Filters`; `Filter` with some operations, so both are taken.
    Filters,
    /// `MaxResults` and `NextToken`.
    Pages,
}

impl Common {
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::DryRun => &["DryRun"],
            Self::Token => &["ClientToken"],
            Self::ClientTokenOfLogs => &["clientToken"],
            Self::ClientRequestToken => &["ClientRequestToken"],
            Self::Tags => &["TagSpecifications"],
            Self::Filters => &["Filters", "Filter"],
            Self::Pages => &["MaxResults", "NextToken"],
        }
    }
}

/// One filter of a describe call: any of its values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Filter {
    pub(crate) name: SmolStr,
    #[serde(default)]
    pub(crate) values: Vec<SmolStr>,
}

/// Tags for the resources of one type that a call makes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct TagSpecification {
    pub(crate) resource_type: SmolStr,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

/// The shared parameters of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The operation's name.
    #[serde(skip)]
    pub(crate) operation: &'static str,
    #[serde(default)]
    pub(crate) dry_run: bool,
    #[serde(alias = "clientToken", alias = "ClientRequestToken")]
    pub(crate) client_token: Option<SmolStr>,
    #[serde(default)]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    #[serde(default, alias = "Filter")]
    pub(crate) filters: Vec<Filter>,
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<SmolStr>,
}

impl Arguments {
    /// Separates the shared parameters from the operation's own.
    pub(crate) fn split(
        operation: &Operation,
        parameters: &Map<String, Value>,
    ) -> Result<(Self, Map<String, Value>), ApiError> {
        let rest = stated::without(operation.name, parameters);
        let parameters = rest.as_ref().unwrap_or(parameters);
        let is_common = |name: &str| {
            let mut common = operation.common.iter();
            common.any(|common| common.names().contains(&name))
        };
        if let Some(unknown) = parameters
            .keys()
            .find(|name| !is_common(name) && !(operation.fields)().contains(&name.as_str()))
        {
            let known = operation.parameters();
            return Err(error::unknown_parameter(
                unknown,
                error::nearest(unknown, known.into_iter()),
            ));
        }
        let (shared, own): (Map<_, _>, Map<_, _>) = parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .partition(|(name, _)| is_common(name));
        let mut shared: Self = request::read(shared)?;
        shared.operation = operation.name;
        if let Some(wanted) = shared.max_results {
            check_page_size(operation.name, wanted)?;
        }
        Ok((shared, own))
    }

    /// The same with the filters whose names `chosen` picks, and with the others.
    pub(crate) fn by_filters(&self, chosen: impl Fn(&str) -> bool) -> (Self, Self) {
        let filters = self.filters.iter().cloned();
        let (picked, others) = filters.partition(|it| chosen(&it.name));
        let with = |filters| Self {
            filters,
            ..self.clone()
        };
        (with(picked), with(others))
    }

    /// The answer to a dry run that would have succeeded is an error, too.
    pub(crate) fn refuse_dry_run(&self) -> Result<(), ApiError> {
        if self.dry_run {
            return Err(error::dry_run_operation());
        }
        Ok(())
    }
}

/// `MaxResults` as the service model bounds it: 5 to 1,000 for most lists.
fn check_page_size(operation: &str, wanted: u32) -> Result<(), ApiError> {
    let (least, most) = match operation {
        "DescribeManagedPrefixLists"
        | "DescribeNetworkInsightsAnalyses"
        | "DescribeNetworkInsightsPaths"
        | "GetManagedPrefixListEntries" => (1, 100),
        "DescribeEgressOnlyInternetGateways"
        | "DescribeStaleSecurityGroups"
        | "GetManagedPrefixListAssociations" => (5, 255),
        "DescribeAddressesAttribute" => (1, 1_000),
        "DescribeVolumesModifications" => (1, 500),
        "DescribeLaunchTemplates" | "DescribeLaunchTemplateVersions" => (1, 200),
        "DescribeInstanceTypes" | "DescribeRouteTables" => (5, 100),
        _ if operation.contains("VpcEndpoint") => (1, u32::MAX),
        _ => (5, 1_000),
    };
    let bound = if wanted < least {
        format!("greater than {least}")
    } else if wanted > most {
        format!("less than {most}")
    } else {
        return Ok(());
    };
    Err(error::invalid_parameter_value(format_args!(
        "Value ( {wanted} ) for parameter maxResults is invalid. Expecting a value {bound}."
    )))
}
