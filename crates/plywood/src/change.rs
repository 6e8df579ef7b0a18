//! `--change`: a line of a Dockerfile that says how an image is run.

mod healthcheck;
mod ports;
mod words;

use ply_image::{Draft, Object};
use serde_json::Value;

use self::healthcheck::Healthcheck;
use crate::Error;

/// A change to how an image is run, as a line of a Dockerfile says it: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL,
/// ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    instruction: Instruction,
    /// The line, for messages.
    line: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Instruction {
    Cmd(Command),
    Entrypoint(Command),
    Env(Vec<(String, String)>),
    Expose(Vec<String>),
    Healthcheck(Healthcheck),
    Label(Vec<(String, String)>),
    OnBuild(String),
    Shell(Vec<String>),
    StopSignal(String),
    User(String),
    Volume(Vec<String>),
    Workdir(String),
}

/// A command in its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Command {
    /// `["a","b"]`: run as it is.
    Exec(Vec<String>),
    /// A line for a shell.
    Shell(String),
}

impl Change {
    /// Reads changes, a line each; a line that ends in a backslash goes on in the next. Variables in them are replaced
    /// later, when they are [applied](Self::apply).
    ///
    /// # Errors
    /// A line is no instruction that can be a change, or not a good one; in Docker's words.
    pub fn parse(text: &str) -> Result<Vec<Self>, Error> {
        let changes = lines(text).into_iter().map(|line| match instruction(&line) {
            Ok(instruction) => Ok(Self { instruction, line }),
            Err(why) => Err(misuse(&line, &why)),
        });
        let changes = changes.collect::<Result<Vec<_>, _>>()?;
        if changes.is_empty() {
            return Err(Error::Misuse("a change with no instruction in it".to_owned()));
        }
        Ok(changes)
    }

    /// Makes changes, one after the other, each on what those before it left. An ENTRYPOINT without a CMD before it takes
    /// the command away that was there: it was meant for another one.
    ///
    /// # Errors
    /// A variable cannot be replaced, or what the config has in the place is of another kind.
    pub fn apply(changes: &[Self], draft: &mut Draft) -> Result<(), Error> {
        let mut cmd_set = false;
        for change in changes {
            let mut run = Run { run: draft.run_mut(), cmd_set };
            run.apply(&change.instruction).map_err(|why| misuse(&change.line, &why))?;
            cmd_set = run.cmd_set;
        }
        Ok(())
    }
}

fn misuse(line: &str, why: &str) -> Error {
    Error::Misuse(format!("{}: {why}", crate::error::shown(line)))
}

/// The lines of a text that say something, those joined that are continued.
fn lines(text: &str) -> Vec<String> {
    let (mut lines, mut open) = (Vec::new(), None::<String>);
    for line in text.lines() {
        let start = line.trim_start();
        if start.is_empty() || start.starts_with('#') {
            continue;
        }
        let before = open.take().unwrap_or_default();
        let line = if before.is_empty() { start } else { line };
        match line.trim_end_matches([' ', '\t']).strip_suffix('\\') {
            Some(line) => open = Some(before + line),
            None => lines.push(before + line),
        }
    }
    lines.extend(open.filter(|line| !line.trim().is_empty()));
    lines
}

fn instruction(line: &str) -> Result<Instruction, String> {
    let line = line.trim();
    let (keyword, rest) = line.split_once(is_space).unwrap_or((line, ""));
    let (flags, rest) = flags(rest);
    let keyword = keyword.to_uppercase();
    if let Some(flag) = flags.first().filter(|_| keyword != "HEALTHCHECK") {
        return Err(format!("unknown flag: --{flag}"));
    }
    let one = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty()).ok_or(needs(&keyword, "exactly"));
    Ok(match keyword.as_str() {
        "CMD" => Instruction::Cmd(Command::parse(rest)?),
        "ENTRYPOINT" => Instruction::Entrypoint(Command::parse(rest)?),
        "ENV" => Instruction::Env(pairs(&keyword, rest)?),
        "EXPOSE" => Instruction::Expose(at_least_one(&keyword, split_spaces(rest))?),
        "HEALTHCHECK" => Instruction::Healthcheck(Healthcheck::parse(&flags, rest)?),
        "LABEL" => Instruction::Label(pairs(&keyword, rest)?),
        "ONBUILD" => Instruction::OnBuild(trigger(rest)?),
        "SHELL" => match Command::parse(rest)? {
            Command::Exec(words) => Instruction::Shell(at_least_one(&keyword, words)?),
            Command::Shell(_) => {
                return Err(format!("SHELL requires the arguments to be in JSON form, not {rest:?}"));
            }
        },
        "STOPSIGNAL" => Instruction::StopSignal(one(rest)?),
        "USER" => Instruction::User(one(rest)?),
        "VOLUME" => Instruction::Volume(match Command::parse(rest)? {
            Command::Exec(words) => at_least_one(&keyword, words)?,
            Command::Shell(line) => at_least_one(&keyword, split_spaces(&line))?,
        }),
        "WORKDIR" => Instruction::Workdir(one(rest)?),
        _ => return Err(format!("{} is not a valid change command", keyword.to_lowercase())),
    })
}

impl Command {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(Ok(values)) = text.starts_with('[').then(|| serde_json::from_str::<Vec<Value>>(text)) else {
            return Ok(Self::Shell(text.to_owned()));
        };
        let words = values.into_iter().map(|value| match value {
            Value::String(word) => Ok(word),
            _ => Err("when using JSON array syntax, arrays must be comprised of strings only".to_owned()),
        });
        words.collect::<Result<_, _>>().map(Self::Exec)
    }
}

const fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ')
}

fn split_spaces(text: &str) -> Vec<String> {
    text.split(is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Words with two hyphens in front, without those; and what comes after them.
fn flags(text: &str) -> (Vec<&str>, &str) {
    let (mut flags, mut rest) = (Vec::new(), text.trim());
    while let Some(after) = rest.strip_prefix("--") {
        let (flag, after) = after.split_once(is_space).unwrap_or((after, ""));
        rest = after.trim_start();
        if flag.is_empty() {
            break;
        }
        flags.push(flag);
    }
    (flags, rest)
}

fn needs(keyword: &str, how_many: &str) -> String {
    format!("{keyword} requires {how_many} one argument")
}

fn at_least_one(keyword: &str, words: Vec<String>) -> Result<Vec<String>, String> {
    if words.is_empty() { Err(needs(keyword, "at least")) } else { Ok(words) }
}

/// `a=1 b="2 3"`; or, as it was long ago, a name and all that comes after it.
fn pairs(keyword: &str, rest: &str) -> Result<Vec<(String, String)>, String> {
    let words = at_least_one(keyword, words::split(rest))?;
    if words.first().is_some_and(|word| !word.contains('=')) {
        let (name, value) =
            rest.split_once(is_space).ok_or_else(|| format!("{keyword} must have two arguments"))?;
        return Ok(vec![(name.to_owned(), value.trim_start_matches(is_space).to_owned())]);
    }
    let pairs = words.into_iter().map(|word| match word.split_once('=') {
        Some(("", _)) => Err(format!("{keyword} names can not be blank")),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!("Syntax error - can't find = in {word:?}. Must be of the form: name=value")),
    });
    pairs.collect()
}

fn trigger(rest: &str) -> Result<String, String> {
    let keyword = rest.split(is_space).next().unwrap_or_default().to_uppercase();
    match keyword.as_str() {
        "" => Err(needs("ONBUILD", "at least")),
        "ONBUILD" => Err("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned()),
        "FROM" | "MAINTAINER" => Err(format!("{keyword} isn't allowed as an ONBUILD trigger")),
        _ => Ok(rest.to_owned()),
    }
}

/// How to run an image, as the changes so far left it.
struct Run<'a> {
    run: &'a mut Object,
    /// Whether one of these changes was a CMD.
    cmd_set: bool,
}

impl Run<'_> {
    fn apply(&mut self, instruction: &Instruction) -> Result<(), String> {
        let environment = self.environment()?;
        let expand = |word: &str| words::expand(word, &environment);
        let expand_pairs = |pairs: &[(String, String)]| {
            let pairs = pairs.iter().map(|(name, value)| Ok((expand(name)?, expand(value)?)));
            pairs.collect::<Result<Vec<_>, String>>()
        };
        match instruction {
            Instruction::Cmd(command) => {
                let words = self.resolved(command)?;
                self.cmd_set |= *command != Command::Shell(String::new()) && !words.is_empty();
                self.set("Cmd", &words)
            }
            Instruction::Entrypoint(command) => {
                let is_none = *command == Command::Shell(String::new());
                let words = if is_none { Vec::new() } else { self.resolved(command)? };
                if !self.cmd_set {
                    self.run.remove("Cmd");
                }
                match words[..] {
                    // No words are no entry point, where for a command they say that there is none.
                    [] => {
                        self.run.remove("Entrypoint");
                        Ok(())
                    }
                    _ => self.set("Entrypoint", &words),
                }
            }
            Instruction::Env(pairs) => self.set_environment(&expand_pairs(pairs)?),
            Instruction::Expose(words) => {
                let mut ports = Vec::new();
                for word in words {
                    for port in words::expand_words(word, &environment)? {
                        ports.extend(ports::exposed(&port)?);
                    }
                }
                self.add("ExposedPorts", ports.into_iter().map(|port| (port, Object::default())))
            }
            Instruction::Healthcheck(check) => self.set("Healthcheck", check),
            Instruction::Label(pairs) => self.add("Labels", expand_pairs(pairs)?),
            Instruction::OnBuild(trigger) => {
                let mut triggers: Vec<String> = self.get("OnBuild")?.unwrap_or_default();
                triggers.push(trigger.clone());
                self.set("OnBuild", &triggers)
            }
            Instruction::Shell(words) => self.set("Shell", words),
            Instruction::StopSignal(signal) => {
                let signal = expand(signal)?;
                if !is_signal(&signal) {
                    return Err(format!("Invalid signal: {signal}"));
                }
                self.set("StopSignal", &signal)
            }
            Instruction::User(user) => self.set("User", &expand(user)?),
            Instruction::Volume(volumes) => {
                let volumes = volumes.iter().map(|volume| match expand(volume)?.trim() {
                    "" => Err("VOLUME specified can not be an empty string".to_owned()),
                    volume => Ok((volume.to_owned(), Object::default())),
                });
                self.add("Volumes", volumes.collect::<Result<Vec<_>, String>>()?)
            }
            Instruction::Workdir(folder) => {
                let before: String = self.get("WorkingDir")?.unwrap_or_default();
                self.set("WorkingDir", &working_dir(&before, &expand(folder)?)?)
            }
        }
    }

    fn get<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, String> {
        self.run.get(key).map_err(|e| format!("{key} of the image is not what it should be: {e}"))
    }

    fn set<T: serde::Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), String> {
        self.run.set(key, value).map_err(|e| e.to_string())
    }

    /// Adds keys to a map; those that are there get the new value.
    fn add<T: serde::Serialize>(
        &mut self,
        key: &str,
        entries: impl IntoIterator<Item = (String, T)>,
    ) -> Result<(), String> {
        let mut map: Object = self.get(key)?.unwrap_or_default();
        for (name, value) in entries {
            map.insert(&name, &value).map_err(|e| e.to_string())?;
        }
        self.set(key, &map)
    }

    fn environment(&self) -> Result<Vec<(String, String)>, String> {
        let list: Vec<String> = self.get("Env")?.unwrap_or_default();
        let pairs = list.iter().map(|entry| entry.split_once('=').unwrap_or((entry, "")));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn set_environment(&mut self, pairs: &[(String, String)]) -> Result<(), String> {
        let mut list: Vec<String> = self.get("Env")?.unwrap_or_default();
        for (name, value) in pairs {
            let entry = format!("{name}={value}");
            let is_same = |known: &&mut String| known.split('=').next() == Some(name.as_str());
            match list.iter_mut().find(is_same) {
                Some(known) => *known = entry,
                None => list.push(entry),
            }
        }
        self.set("Env", &list)
    }

    /// The words of a command, a shell in front of what is for one.
    fn resolved(&self, command: &Command) -> Result<Vec<String>, String> {
        let line = match command {
            Command::Exec(words) => return Ok(words.clone()),
            Command::Shell(line) => line,
        };
        let shell: Vec<String> = self.get("Shell")?.unwrap_or_default();
        let mut words = if shell.is_empty() { vec!["/bin/sh".to_owned(), "-c".to_owned()] } else { shell };
        words.extend(Some(line.clone()).filter(|line| !line.is_empty()));
        Ok(words)
    }
}

/// One that begins with a slash is taken as it is; another is meant from the one before, and cleaned.
fn working_dir(before: &str, wanted: &str) -> Result<String, String> {
    if wanted.is_empty() {
        return Err("cannot normalize nothing".to_owned());
    }
    if wanted.starts_with('/') {
        return Ok(wanted.to_owned());
    }
    let mut names = Vec::new();
    for name in before.split('/').chain(wanted.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    Ok(format!("/{}", names.join("/")))
}

/// A signal by number, or by a name that Linux has, `SIG` before it or not.
fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 35] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
        "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
        "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN",
    ];
    if let Ok(number) = text.parse::<u8>() {
        return (1..=64).contains(&number);
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |text: &str, most: u8| text.parse::<u8>().is_ok_and(|n| (1..=most).contains(&n));
    NAMES.contains(&name)
        || name == "RTMAX"
        || name.strip_prefix("RTMIN+").is_some_and(|n| real_time(n, 15))
        || name.strip_prefix("RTMAX-").is_some_and(|n| real_time(n, 14))
}

#[cfg(test)]
mod tests;
