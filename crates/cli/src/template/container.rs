//! The type Docker's client 28 decodes an inspected container into (moby, `api/types/container.InspectResponse`), less the
//! fields of what runs.

use super::image::{CONTAINER_CONFIG, LABELS, TEXTS};
use super::shape::{Field, Shape};

/// What `docker inspect` prints for a container.
pub(crate) const CONTAINER: Shape = Shape::Struct(&[
    Field::new("ID", Shape::Text).key("Id"),
    Field::new("Created", Shape::Text),
    Field::new("Path", Shape::Text),
    Field::new("Args", TEXTS),
    Field::new("State", Shape::Pointer(STATE)),
    Field::new("Image", Shape::Text),
    Field::new("Name", Shape::Text),
    Field::new("RestartCount", Shape::Number),
    Field::new("Driver", Shape::Text),
    Field::new("Platform", Shape::Text),
    Field::new("GraphDriver", Shape::Struct(&[Field::new("Data", LABELS), Field::new("Name", Shape::Text)])),
    Field::new("Mounts", Shape::List(&Shape::Any)),
    Field::new("Config", Shape::Pointer(CONTAINER_CONFIG)),
]);

const STATE: &[Field] = &[
    Field::new("Status", Shape::Text),
    Field::new("Running", Shape::Bool),
    Field::new("Paused", Shape::Bool),
    Field::new("Restarting", Shape::Bool),
    Field::new("OOMKilled", Shape::Bool),
    Field::new("Dead", Shape::Bool),
    Field::new("Pid", Shape::Number),
    Field::new("ExitCode", Shape::Number),
    Field::new("Error", Shape::Text),
    Field::new("StartedAt", Shape::Text),
    Field::new("FinishedAt", Shape::Text),
];
