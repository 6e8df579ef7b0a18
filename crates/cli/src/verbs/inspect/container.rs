use plywood::containers::Looked;
use serde_json::{Value, json};

use crate::report::Failure;

/// What `docker inspect` of Engine 28 prints for a container: its fields, in its order, less those of what runs.
pub(super) fn document(looked: &Looked) -> Result<Value, Failure> {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let container = &looked.container;
    let (path, args) =
        looked.command.split_first().map_or(("", &[][..]), |(path, args)| (path.as_str(), args));
    let state = json!({
        "Status": "created", "Running": false, "Paused": false, "Restarting": false, "OOMKilled": false, "Dead": false,
        "Pid": 0, "ExitCode": 0, "Error": "", "StartedAt": NEVER, "FinishedAt": NEVER,
    });
    let folders = json!({
        "UpperDir": looked.upper.display().to_string(),
        "WorkDir": looked.work.display().to_string(),
    });
    let mut config = json!({
        "Hostname": container.id.short(), "Domainname": "", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false,
    });
    let run = looked.config.config.as_ref().map_or("null", |raw| raw.get());
    let run: Value = serde_json::from_str(run)
        .map_err(|error| Failure::Message(format!("reading the config: {error}")))?;
    if let (Value::Object(config), Value::Object(run)) = (&mut config, run) {
        // What the image says of a host was that of another container.
        config.extend(run.into_iter().filter(|(key, _)| !matches!(key.as_str(), "Hostname" | "Domainname")));
        config.insert("Image".to_owned(), json!(container.image));
        if !container.command.is_empty() {
            config.insert("Cmd".to_owned(), json!(container.command));
        }
    }
    Ok(json!({
        "Id": container.id.to_string(),
        "Created": container.created,
        "Path": path,
        "Args": args,
        "State": state,
        "Image": container.image_id.to_string(),
        "Name": format!("/{}", container.name),
        "RestartCount": 0,
        "Driver": "ply",
        "Platform": looked.config.os,
        "GraphDriver": { "Data": folders, "Name": "ply" },
        "Mounts": [],
        "Config": config,
    }))
}
