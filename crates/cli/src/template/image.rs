//! The type Docker's client 28 decodes an inspected image into (moby, `api/types/image.InspectResponse`).

use super::shape::{Field, Shape};

pub(super) const TEXTS: Shape = Shape::List(&Shape::Text);
/// `map[string]struct{}`: a set, in Go's way.
const SET: Shape = Shape::Map(&Shape::Struct(&[]));
pub(super) const LABELS: Shape = Shape::Map(&Shape::Text);

/// What `docker image inspect` prints for an image.
pub(crate) const IMAGE: Shape = Shape::Struct(&[
    Field::new("ID", Shape::Text).key("Id"),
    Field::new("RepoTags", TEXTS),
    Field::new("RepoDigests", TEXTS),
    Field::new("Parent", Shape::Text),
    Field::new("Comment", Shape::Text),
    Field::optional("Created", Shape::Text),
    Field::optional("Container", Shape::Text),
    Field::optional("ContainerConfig", Shape::Pointer(CONTAINER_CONFIG)),
    Field::new("DockerVersion", Shape::Text),
    Field::new("Author", Shape::Text),
    Field::new("Config", Shape::Pointer(CONFIG)),
    Field::new("Architecture", Shape::Text),
    Field::optional("Variant", Shape::Text),
    Field::new("Os", Shape::Text),
    Field::optional("OsVersion", Shape::Text),
    Field::new("Size", Shape::Number),
    Field::optional("VirtualSize", Shape::Number),
    Field::new("GraphDriver", Shape::Struct(&[Field::new("Data", LABELS), Field::new("Name", Shape::Text)])),
    Field::new(
        "RootFS",
        Shape::Struct(&[Field::optional("Type", Shape::Text), Field::optional("Layers", TEXTS)]),
    ),
    Field::new("Metadata", Shape::Struct(&[Field::optional("LastTagTime", Shape::Time)])),
    Field::optional("Descriptor", Shape::Pointer(DESCRIPTOR)),
    Field::optional("Manifests", Shape::List(&Shape::Any)),
]);

/// `DockerOCIImageConfig`: the OCI image configuration, and Docker's additions.
const CONFIG: &[Field] = &[
    Field::new(
        "ImageConfig",
        Shape::Embedded(&[
            Field::optional("User", Shape::Text),
            Field::optional("ExposedPorts", SET),
            Field::optional("Env", TEXTS),
            Field::optional("Entrypoint", TEXTS),
            Field::optional("Cmd", TEXTS),
            Field::optional("Volumes", SET),
            Field::optional("WorkingDir", Shape::Text),
            Field::optional("Labels", LABELS),
            Field::optional("StopSignal", Shape::Text),
            Field::optional("ArgsEscaped", Shape::Bool),
        ]),
    ),
    Field::new(
        "DockerOCIImageConfigExt",
        Shape::Embedded(&[
            Field::optional("Healthcheck", Shape::Pointer(HEALTHCHECK)),
            Field::optional("OnBuild", TEXTS),
            Field::optional("Shell", TEXTS),
        ]),
    ),
];

const HEALTHCHECK: &[Field] = &[
    Field::optional("Test", TEXTS),
    Field::optional("Interval", Shape::Duration),
    Field::optional("Timeout", Shape::Duration),
    Field::optional("StartPeriod", Shape::Duration),
    Field::optional("StartInterval", Shape::Duration),
    Field::optional("Retries", Shape::Number),
];

/// `container.Config`: of engines that still tell which container an image was committed from.
pub(super) const CONTAINER_CONFIG: &[Field] = &[
    Field::new("Hostname", Shape::Text),
    Field::new("Domainname", Shape::Text),
    Field::new("User", Shape::Text),
    Field::new("AttachStdin", Shape::Bool),
    Field::new("AttachStdout", Shape::Bool),
    Field::new("AttachStderr", Shape::Bool),
    Field::optional("ExposedPorts", SET),
    Field::new("Tty", Shape::Bool),
    Field::new("OpenStdin", Shape::Bool),
    Field::new("StdinOnce", Shape::Bool),
    Field::new("Env", TEXTS),
    Field::new("Cmd", TEXTS),
    Field::optional("Healthcheck", Shape::Pointer(HEALTHCHECK)),
    Field::optional("ArgsEscaped", Shape::Bool),
    Field::new("Image", Shape::Text),
    Field::new("Volumes", SET),
    Field::new("WorkingDir", Shape::Text),
    Field::new("Entrypoint", TEXTS),
    Field::optional("NetworkDisabled", Shape::Bool),
    Field::optional("MacAddress", Shape::Text),
    Field::new("OnBuild", TEXTS),
    Field::new("Labels", LABELS),
    Field::optional("StopSignal", Shape::Text),
    Field::optional("StopTimeout", Shape::Any),
    Field::optional("Shell", TEXTS),
];

/// `ocispec.Descriptor`.
const DESCRIPTOR: &[Field] = &[
    Field::new("MediaType", Shape::Text).key("mediaType"),
    Field::new("Digest", Shape::Text).key("digest"),
    Field::new("Size", Shape::Number).key("size"),
    Field::optional("URLs", TEXTS).key("urls"),
    Field::optional("Annotations", LABELS).key("annotations"),
    Field::optional("Data", Shape::List(&Shape::Number)).key("data"),
    Field::optional("Platform", Shape::Pointer(PLATFORM)).key("platform"),
    Field::optional("ArtifactType", Shape::Text).key("artifactType"),
];

/// `ocispec.Platform`.
const PLATFORM: &[Field] = &[
    Field::new("Architecture", Shape::Text).key("architecture"),
    Field::new("OS", Shape::Text).key("os"),
    Field::optional("OSVersion", Shape::Text).key("os.version"),
    Field::optional("OSFeatures", TEXTS).key("os.features"),
    Field::optional("Variant", Shape::Text).key("variant"),
];
