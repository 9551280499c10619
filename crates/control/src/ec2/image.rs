//! Images (Amazon EC2 API Reference: `DescribeImages`).
//!
//! Instances may be started from any image id, since what runs on a machine is simulated apart from
//! it. So that scripts which look for an image find one, each Region has the public images that
//! they look for most, with ids of its own; any other id that is asked for is an image, too.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, HttpTokens, IdSource, IdSpace, MetadataOptions, Reply, Resources};

use crate::describe::{Field, Reader};
use crate::ec2::instance_type::architecture;
use crate::error;
use crate::view::one;

/// A public image, less its Region.
struct Public {
    /// The public parameter of Systems Manager that holds its id.
    parameter: &'static str,
    name: &'static str,
    description: &'static str,
    owner: &'static str,
    alias: Option<&'static str>,
    architecture: &'static str,
    created: &'static str,
    /// Whether the image says that its software uses IMDSv2 (`ImdsSupport`), as Amazon Linux 2023's
    /// do (EC2 User Guide, "Configure the Instance Metadata Service options").
    has_imds_v2: bool,
}

const AMAZON: &str = "137112412989";
const CANONICAL: &str = "099720109477";
const DEBIAN: &str = "136693071363";

const PUBLIC: [Public; 6] = [
    Public {
        parameter: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        name: "al2023-ami-2023.6.20241212.0-kernel-6.1-x86_64",
        description: "Amazon Linux 2023 AMI 2023.6.20241212.0 x86_64 HVM kernel-6.1",
        owner: AMAZON,
        alias: Some("amazon"),
        architecture: "x86_64",
        created: "2024-12-12T20:21:44.000Z",
        has_imds_v2: true,
    },
    Public {
        parameter: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        name: "al2023-ami-2023.6.20241212.0-kernel-6.1-arm64",
        description: "Amazon Linux 2023 AMI 2023.6.20241212.0 arm64 HVM kernel-6.1",
        owner: AMAZON,
        alias: Some("amazon"),
        architecture: "arm64",
        created: "2024-12-12T20:21:40.000Z",
        has_imds_v2: true,
    },
    Public {
        parameter: "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2",
        name: "amzn2-ami-hvm-2.0.20241217.0-x86_64-gp2",
        description: "Amazon Linux 2 AMI 2.0.20241217.0 x86_64 HVM gp2",
        owner: AMAZON,
        alias: Some("amazon"),
        architecture: "x86_64",
        created: "2024-12-18T01:13:31.000Z",
        has_imds_v2: false,
    },
    Public {
        parameter: "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20241206",
        description: "Canonical, Ubuntu, 24.04, amd64 noble image",
        owner: CANONICAL,
        alias: None,
        architecture: "x86_64",
        created: "2024-12-06T10:04:15.000Z",
        has_imds_v2: false,
    },
    Public {
        parameter: "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
        name: "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20241206",
        description: "Canonical, Ubuntu, 22.04 LTS, amd64 jammy image",
        owner: CANONICAL,
        alias: None,
        architecture: "x86_64",
        created: "2024-12-06T09:12:30.000Z",
        has_imds_v2: false,
    },
    Public {
        parameter: "/aws/service/debian/release/12/latest/amd64",
        name: "debian-12-amd64-20241125-1942",
        description: "Debian 12 (20241125-1942)",
        owner: DEBIAN,
        alias: None,
        architecture: "x86_64",
        created: "2024-11-25T08:58:22.000Z",
        has_imds_v2: false,
    },
];

/// An image as the API shows it.
struct Image {
    id: SmolStr,
    public: &'static Public,
    /// Of one that nobody knows but by its id.
    is_any: bool,
}

impl Image {
    fn name(&self) -> SmolStr {
        match self.is_any {
            true => self.id.clone(),
            false => self.public.name.into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeImages {
    #[serde(default)]
    image_ids: Vec<SmolStr>,
    #[serde(default)]
    owners: Vec<SmolStr>,
    #[serde(default, rename = "ExecutableUsers")]
    _executable_users: Option<IgnoredAny>,
    #[serde(default, rename = "IncludeDeprecated")]
    _include_deprecated: Option<IgnoredAny>,
    #[serde(default, rename = "IncludeDisabled")]
    _include_disabled: Option<IgnoredAny>,
}

const FIELDS: &[Field<Image>] = &[
    ("architecture", |it, _| one(it.public.architecture)),
    ("creation-date", |it, _| one(it.public.created)),
    ("description", |it, _| one(it.public.description)),
    ("hypervisor", |_, _| one("xen")),
    ("image-id", |it, _| one(&it.id)),
    ("image-type", |_, _| one("machine")),
    ("is-public", |_, _| one(true)),
    ("name", |it, _| one(it.name())),
    ("owner-alias", |it, _: &Resources| {
        it.public.alias.into_iter().map(str::to_owned).collect()
    }),
    ("owner-id", |it, _| one(it.public.owner)),
    ("root-device-name", |_, _| one(ROOT_DEVICE)),
    ("root-device-type", |_, _| one("ebs")),
    ("state", |_, _| one("available")),
    ("virtualization-type", |_, _| one("hvm")),
];

pub(crate) const ROOT_DEVICE: &str = "/dev/xvda";
/// Its size in GiB, and its type.
pub(crate) const ROOT_SIZE: u32 = 8;
pub(crate) const ROOT_TYPE: &str = "gp3";

pub(crate) fn describe_images(reader: &Reader<'_>, request: DescribeImages) -> Reply {
    reader.check_filters(FIELDS)?;
    let of_region = |it| of_region(it, reader.region());
    let mut images: Vec<Image> = PUBLIC.iter().map(of_region).collect();
    for id in &request.image_ids {
        if !id.starts_with("ami-") || id.len() == 4 {
            return Err(error::image_malformed(id));
        }
        if !images.iter().any(|it| it.id == *id) {
            images.push(Image {
                id: id.clone(),
                public: &PUBLIC[0],
                is_any: true,
            });
        }
    }
    let named = |it: &Image| request.image_ids.contains(&it.id);
    images.retain(|it| match request.image_ids.is_empty() {
        true => !it.is_any,
        false => named(it),
    });
    if !request.owners.is_empty() {
        images.retain(|it| {
            let mut owners = request.owners.iter();
            owners.any(|owner| owner == it.public.owner || Some(owner.as_str()) == it.public.alias)
        });
    }
    let mut chosen = Vec::new();
    for it in &images {
        if reader.passes_shown(it, &[], FIELDS, &show)? {
            chosen.push(it);
        }
    }
    reader.page("Images", chosen, |it| it.id.to_string(), show)
}

/// Public parameters of Systems Manager that hold images' ids: name, id, when the image was made.
pub(crate) fn parameters(reader: &Reader<'_>) -> Vec<(&'static str, SmolStr, &'static str)> {
    let all = PUBLIC.iter();
    all.map(|it| {
        let image = of_region(it, reader.region());
        (it.parameter, image.id, it.created)
    })
    .collect()
}

/// The image that an instance is to be launched from: `id`, or what the parameter has that
/// `resolve:ssm:` names (EC2 User Guide, "Reference AMIs using Systems Manager parameters").
///
/// # Errors
/// No such parameter; an image for processors that the type does not have.
pub(crate) fn resolved(id: &str, region: &str, instance_type: &str) -> Result<SmolStr, ApiError> {
    let mut images = PUBLIC.iter().map(|it| of_region(it, region));
    let found = match id.strip_prefix("resolve:ssm:") {
        Some(name) => {
            // A version or a label may follow: there is one.
            let name = name.split(':').next().unwrap_or_default();
            let found = images.find(|it| it.public.parameter == name);
            Some(found.ok_or_else(|| error::image_parameter(name))?)
        }
        None => images.find(|it| it.id == id),
    };
    let Some(image) = found else {
        return Ok(id.into());
    };
    let (wanted, is) = (image.public.architecture, architecture(instance_type));
    match wanted == is {
        true => Ok(image.id),
        false => Err(error::image_architecture(is, wanted)),
    }
}

/// How the metadata service of an instance answers if its launch says nothing: of an image with
/// `ImdsSupport` `v2.0` it asks for a token, and the token's answer passes one hop more.
pub(crate) fn metadata_options(image: Option<&str>, region: &str) -> MetadataOptions {
    let mut images = PUBLIC.iter().map(|it| of_region(it, region));
    let found = images.find(|it| Some(it.id.as_str()) == image);
    match found.is_some_and(|it| it.public.has_imds_v2) {
        true => MetadataOptions {
            http_tokens: HttpTokens::Required,
            http_put_response_hop_limit: 2,
            ..MetadataOptions::default()
        },
        false => MetadataOptions::default(),
    }
}

/// Its id differs from Region to Region.
fn of_region(public: &'static Public, region: &str) -> Image {
    let space = IdSpace {
        scenario: "public images".into(),
        names_seed: 0,
    };
    let name = IdSource::Named(public.name);
    let hex = space.hex17(public.owner, region, "ami", &name);
    Image {
        id: format_smolstr!("ami-{hex}"),
        public,
        is_any: false,
    }
}

fn show(image: &Image) -> Value {
    let public = image.public;
    json!({
        "Architecture": public.architecture,
        "BlockDeviceMappings": [{
            "DeviceName": ROOT_DEVICE,
            "Ebs": {
                "DeleteOnTermination": true,
                "Encrypted": false,
                "VolumeSize": ROOT_SIZE,
                "VolumeType": ROOT_TYPE,
            },
        }],
        "CreationDate": public.created,
        "Description": public.description,
        "EnaSupport": true,
        "Hypervisor": "xen",
        "ImageId": image.id,
        "ImdsSupport": (public.has_imds_v2 && !image.is_any).then_some("v2.0"),
        "ImageLocation": format!("{}/{}", public.alias.unwrap_or(public.owner), image.name()),
        "ImageOwnerAlias": public.alias,
        "ImageType": "machine",
        "Name": image.name(),
        "OwnerId": public.owner,
        "PlatformDetails": "Linux/UNIX",
        "Public": true,
        "RootDeviceName": ROOT_DEVICE,
        "RootDeviceType": "ebs",
        "SriovNetSupport": "simple",
        "State": "available",
        "UsageOperation": "RunInstances",
        "VirtualizationType": "hvm",
    })
}
