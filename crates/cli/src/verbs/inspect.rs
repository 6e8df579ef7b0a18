mod container;

use plywood::{Engine, Error, Platform, View};
use serde_json::{Map, Value, json};

use super::{Outcome, platform};
use crate::arguments::{Inspect, InspectContainer, Inspected};
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, tell};
use crate::template::{CONTAINER, Data, IMAGE, Shape, Template};

/// Images and containers; a container first, as in Docker.
pub(crate) fn run(context: &Context, arguments: &Inspect) -> Outcome {
    let engine = context.engine()?;
    let look = Look::at(&engine, arguments)?;
    if arguments.raw {
        return raw(&look, &arguments.images);
    }
    let find = |wanted: &str| match arguments.kind {
        Some(Inspected::Image) => look.image(wanted),
        Some(Inspected::Container) => look.container(wanted),
        None => match look.container(wanted) {
            Err(Failure::Engine(Error::NoSuchContainer { .. })) => look.image(wanted),
            found => found,
        },
    };
    print(arguments.format.as_deref(), &arguments.images, find)
}

/// `image inspect`.
pub(crate) fn images(context: &Context, arguments: &Inspect) -> Outcome {
    let engine = context.engine()?;
    let look = Look::at(&engine, arguments)?;
    if arguments.raw {
        return raw(&look, &arguments.images);
    }
    print(arguments.format.as_deref(), &arguments.images, |wanted| look.image(wanted))
}

/// Manifests as they are: what they say is not escaped, since their bytes count.
fn raw(look: &Look<'_>, images: &[String]) -> Outcome {
    for image in images {
        output::bytes(&look.engine.raw_manifest(image, look.platform.as_ref())?)?;
    }
    Ok(Exit::Done)
}

/// `container inspect`.
pub(crate) fn containers(context: &Context, arguments: &InspectContainer) -> Outcome {
    let engine = context.engine()?;
    let look = Look { engine: &engine, platform: None, sized: false };
    print(arguments.format.as_deref(), &arguments.containers, |wanted| look.container(wanted))
}

/// What is inspected, and as which type Docker decodes it.
type Found = (Value, &'static Shape);

struct Look<'a> {
    engine: &'a Engine<'a>,
    platform: Option<Platform>,
    /// Counting the layers of an archive means walking all their headers: only where it is asked for.
    sized: bool,
}

impl<'a> Look<'a> {
    fn at(engine: &'a Engine<'a>, arguments: &Inspect) -> Result<Self, Failure> {
        let sized = arguments
            .format
            .as_deref()
            .is_none_or(|f| f.contains("Size") || f.contains("json") || f.contains("{{.}}") || f.is_empty());
        let platform = arguments.platform.as_deref().map(platform).transpose()?;
        Ok(Self { engine, platform, sized })
    }

    fn image(&self, wanted: &str) -> Result<Found, Failure> {
        let platform = self.platform.as_ref();
        let view = match self.sized {
            true => self.engine.measured_view(wanted, platform)?,
            false => self.engine.view(wanted, platform)?,
        };
        Ok((document(&view)?, &IMAGE))
    }

    fn container(&self, wanted: &str) -> Result<Found, Failure> {
        let looked = self.engine.look(self.engine.container(wanted)?)?;
        Ok((container::document(&looked)?, &CONTAINER))
    }
}

fn print(format: Option<&str>, wanted: &[String], find: impl Fn(&str) -> Result<Found, Failure>) -> Outcome {
    let template = match format {
        None | Some("" | "json") => None,
        Some(text) => Some(Template::parse(text)?),
    };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for wanted in wanted {
        match find(wanted) {
            Ok(document) => found.push(document),
            Err(Failure::Engine(error)) if !matches!(error, Error::Interrupted) => missing.push(error),
            Err(other) => return Err(other),
        }
    }
    let documents = || found.iter().map(|(document, _)| document).collect::<Vec<_>>();
    match &template {
        None if format == Some("json") => output::json_line(&documents())?,
        None => output::json(&documents())?,
        Some(template) => {
            let mut text = String::new();
            for (document, shape) in &found {
                text.push_str(&template.render(&Data::document(document, shape))?);
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
    // Of an image in a registry nobody has counted the layers.
    if let Some(size) = view.size() {
        put("Size", json!(size));
    }
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
