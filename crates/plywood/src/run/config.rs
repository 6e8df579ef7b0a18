//! What an image says of how it is run, and what somebody says over it.

use ply_image::Config;
use ply_store::Container;
use serde::Deserialize;

use super::Run;
use crate::Error;

/// Where programs are looked for if nobody says, as Docker has it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// As much of how an image is run as counts here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Said {
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
}

/// What is run.
pub(super) struct Configured {
    pub(super) args: Vec<String>,
    /// `NAME=VALUE`.
    pub(super) env: Vec<String>,
    pub(super) workdir: String,
    /// Empty for root.
    pub(super) user: String,
}

impl Configured {
    pub(super) fn of(config: &Config, container: &Container, run: &Run) -> Result<Self, Error> {
        let said = config.config.as_ref().map_or("{}", |raw| raw.get());
        let said: Said = serde_json::from_str(said).map_err(Error::within("the config of the image"))?;
        let is_given = |text: &&String| !text.is_empty();
        let entrypoint = match &run.entrypoint {
            Some(entrypoint) => Some(entrypoint).filter(is_given).cloned().into_iter().collect(),
            None => said.entrypoint.unwrap_or_default(),
        };
        let command = match (run.command.is_empty(), &run.entrypoint) {
            (false, _) => run.command.clone(),
            (true, Some(_)) => Vec::new(),
            (true, None) => said.cmd.unwrap_or_default(),
        };
        let args = [entrypoint, command].concat();
        if args.is_empty() {
            return Err(Error::Misuse("no command is given, and the image has none".to_owned()));
        }
        let mut env = vec![PATH.to_owned(), format!("HOSTNAME={}", container.id.short())];
        if run.terminal {
            env.push("TERM=xterm".to_owned());
        }
        for variable in said.env.iter().flatten().chain(&run.env) {
            set(&mut env, variable);
        }
        let workdir = run.workdir.as_ref().or(said.working_dir.as_ref()).filter(is_given);
        let workdir = workdir.map_or("/", String::as_str).to_owned();
        if !workdir.starts_with('/') {
            let workdir = crate::error::shown(&workdir);
            return Err(Error::Misuse(format!("the working directory {workdir} is no absolute path")));
        }
        let user = run.user.clone().or(said.user).unwrap_or_default();
        Ok(Self { args, env, workdir, user })
    }
}

/// Sets a variable, or takes it away where it has no value.
fn set(env: &mut Vec<String>, variable: &str) {
    let name = variable.split_once('=').map_or(variable, |(name, _)| name);
    let at = env.iter().position(|known| known.split_once('=').is_some_and(|(known, _)| known == name));
    match (at, variable.contains('=')) {
        (Some(at), true) => {
            if let Some(known) = env.get_mut(at) {
                variable.clone_into(known);
            }
        }
        (Some(at), false) => drop(env.remove(at)),
        (None, true) => env.push(variable.to_owned()),
        (None, false) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn the_last_value_of_a_variable_holds() {
        let check = |given: &[&str], expect: &[&str]| {
            let mut env = vec!["PATH=/bin".to_owned()];
            given.iter().for_each(|variable| set(&mut env, variable));
            assert_eq!(env, expect, "{given:?}");
        };
        check(&["A=1"], &["PATH=/bin", "A=1"]);
        check(&["A=1", "A=2=3"], &["PATH=/bin", "A=2=3"]);
        check(&["PATH=/usr/bin", "A="], &["PATH=/usr/bin", "A="]);
        check(&["A=1", "A", "B"], &["PATH=/bin"]);
        check(&["PA=1"], &["PATH=/bin", "PA=1"]);
    }
}
