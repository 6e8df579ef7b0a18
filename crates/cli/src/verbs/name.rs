use ply_reference::Reference;
use serde::Serialize;

use super::Outcome;
use crate::arguments::Name;
use crate::output;
use crate::report::{Exit, Failure, tell};

/// A name taken apart.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parts {
    reference: String,
    domain: String,
    namespace: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
    familiar: String,
    canonical: String,
}

pub(crate) fn run(arguments: &Name) -> Outcome {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for text in &arguments.names {
        match Reference::parse(text) {
            Ok(reference) => all.push(parts(text, reference)),
            Err(error) => wrong.push(error),
        }
    }
    if arguments.json {
        output::json(&all)?
    } else {
        print(&all)?
    }
    let failed = !wrong.is_empty();
    for error in wrong {
        tell(&error.into());
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn parts(text: &str, reference: Reference) -> Parts {
    let reference = reference.with_default_tag();
    let name = reference.name();
    Parts {
        reference: text.to_owned(),
        domain: name.domain().to_owned(),
        namespace: name.namespace().to_owned(),
        repository: name.repository().to_owned(),
        tag: reference.tag().map(|tag| tag.as_str().to_owned()),
        digest: reference.digest().map(ToString::to_string),
        familiar: reference.familiar(),
        canonical: reference.canonical(),
    }
}

fn print(all: &[Parts]) -> Result<(), Failure> {
    let mut text = String::new();
    for (at, parts) in all.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let rows = [
            ("domain", Some(&parts.domain)),
            ("namespace", Some(&parts.namespace)),
            ("repository", Some(&parts.repository)),
            ("tag", parts.tag.as_ref()),
            ("digest", parts.digest.as_ref()),
            ("familiar", Some(&parts.familiar)),
            ("canonical", Some(&parts.canonical)),
        ];
        for (key, value) in rows {
            let value = value.filter(|v| !v.is_empty()).map_or("-", |v| v);
            text.push_str(&format!("{key:<12}{value}\n"));
        }
    }
    output::print(&text)
}
