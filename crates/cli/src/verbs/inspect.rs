use plywood::{Error, View};
use serde_json::{Map, Value, json};

use super::{Outcome, platform};
use crate::arguments::Inspect;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, tell};
use crate::template::{Data, IMAGE, Template};

pub(crate) fn run(context: &Context, arguments: &Inspect) -> Outcome {
    let engine = context.engine()?;
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let template = match arguments.format.as_deref() {
        None | Some("" | "json") => None,
        Some(text) => Some(Template::parse(text)?),
    };
    // Counting the layers of an archive means walking all their headers: only where it is asked for.
    let sized = arguments
        .format
        .as_deref()
        .is_none_or(|f| f.contains("Size") || f.contains("json") || f.contains("{{.}}") || f.is_empty());
    let (mut documents, mut missing) = (Vec::new(), Vec::new());
    for wanted in &arguments.images {
        let view = if sized {
            engine.measured_view(wanted, platform.as_ref())
        } else {
            engine.view(wanted, platform.as_ref())
        };
        match view {
            Ok(view) => documents.push(document(&view)?),
            Err(Error::Interrupted) => return Err(Error::Interrupted.into()),
            Err(error) => missing.push(error),
        }
    }
    match &template {
        None if arguments.format.as_deref() == Some("json") => output::json_line(&documents)?,
        None => output::json(&documents)?,
        Some(template) => {
            let mut text = String::new();
            for document in &documents {
                text.push_str(&template.render(&Data::document(document, &IMAGE))?);
                text.push('\n');
            }
            output::print(&text)?;
        }
    }
    for error in &missing {
        tell(error);
    }
    Ok(if missing.is_empty() { Exit::Done } else { Exit::Failed })
}

/// What `docker image inspect` of Engine 28 prints: its fields, in its order.
fn document(view: &View) -> Result<Value, Failure> {
    let config = &view.config.value;
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("Id", json!(view.config.digest));
    put("RepoTags", json!(view.names.iter().map(ply_reference::Reference::familiar).collect::<Vec<_>>()));
    put("RepoDigests", json!(view.digests));
    put("Parent", json!(""));
    put("Comment", json!(comment(view)));
    if let Some(created) = &config.created {
        put("Created", json!(created));
    }
    put("DockerVersion", json!(config.docker_version));
    put("Author", json!(config.author));
    let run = config.config.as_ref().map_or("null", |raw| raw.get());
    put(
        "Config",
        serde_json::from_str(run).map_err(|e| Failure::Message(format!("reading the config: {e}")))?,
    );
    put("Architecture", json!(config.architecture));
    if !config.variant.is_empty() {
        put("Variant", json!(config.variant));
    }
    put("Os", json!(config.os));
    if !config.os_version.is_empty() {
        put("OsVersion", json!(config.os_version));
    }
    put("Size", json!(view.size().unwrap_or(0)));
    put("GraphDriver", json!({"Data": null, "Name": "ply"}));
    let layers: Vec<String> = view.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    put("RootFS", json!({"Type": "layers", "Layers": layers}));
    put("Metadata", json!({"LastTagTime": "0001-01-01T00:00:00Z"}));
    if let Some(target) = view.target.as_ref().filter(|_| !view.made) {
        put("Descriptor", json!(target));
    }
    Ok(Value::Object(fields))
}

/// Docker shows the comment of the last step where the image itself has none.
fn comment(view: &View) -> &str {
    let config = &view.config.value;
    if config.comment.is_empty() {
        return config.history.last().map_or("", |step| &step.comment);
    }
    &config.comment
}
