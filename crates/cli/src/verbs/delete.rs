use std::os::unix::ffi::OsStrExt;

use super::Outcome;
use super::cp::End;
use crate::arguments::Delete;
use crate::context::Context;
use crate::report::{Exit, Failure, tell};

pub(crate) fn run(context: &Context, arguments: &Delete) -> Outcome {
    let engine = context.engine()?;
    let mut exit = Exit::Done;
    for given in &arguments.paths {
        let End::Within { subject, path } = End::parse(&engine, given)? else {
            let given = String::from_utf8_lossy(given.as_bytes());
            return Err(Failure::Misuse(format!("{given}: write CONTAINER:PATH")));
        };
        let deleted = engine.container(&subject).and_then(|container| engine.delete(&container, &path));
        if let Err(error) = deleted {
            tell(&error);
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}
