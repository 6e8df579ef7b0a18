use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Credential, TOKEN_USER};
use crate::RegistryError;
use crate::error::shown;

/// How long an answer is waited for: somebody may have to unlock something.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any answer has.
const ANSWER_MAX: u64 = 1 << 20;
/// What helpers say where they have nothing, and fail.
const NOTHING: [&str; 3] =
    ["credentials not found in native keychain", "no credentials server URL", "no credentials username"];

/// A program that keeps credentials: `docker-credential-NAME`.
#[derive(Debug)]
pub(super) struct Helper {
    name: String,
    path: PathBuf,
    patience: Duration,
}

struct Answer {
    status: ExitStatus,
    text: String,
}

impl Helper {
    /// Looks a helper up in folders, as `PATH` lists them; those that depend on where we are do not count.
    pub(super) fn find(name: &str, folders: &OsStr) -> Result<Self, RegistryError> {
        if name.contains('/') {
            let why = format!("the name of a credential helper is not a path: {}", shown(name));
            return Err(RegistryError::Settings(why));
        }
        let name = format!("docker-credential-{name}");
        let mut paths = std::env::split_paths(folders).filter(|folder| folder.is_absolute());
        let path = paths.find_map(|folder| Some(folder.join(&name)).filter(|path| is_program(path)));
        match path {
            Some(path) => Ok(Self { name, path, patience: PATIENCE }),
            None => {
                let why = format!("the credential helper {} is not in PATH", shown(&name));
                Err(RegistryError::Settings(why))
            }
        }
    }

    /// What it has for a server.
    pub(super) fn get(&self, server: &str) -> Result<Option<Credential>, RegistryError> {
        let answer = self.run("get", server.into())?;
        if !answer.status.success() {
            return if answer.is_nothing() { Ok(None) } else { Err(self.failed("get", &answer, None)) };
        }
        let answer: Option<Value> = serde_json::from_str(&answer.text).ok();
        let member = |name| answer.as_ref().and_then(|answer| answer.get(name)).and_then(Value::as_str);
        match (member("Username"), member("Secret")) {
            (Some(""), Some("")) => Ok(None),
            (Some(TOKEN_USER), Some(token)) => Ok(Some(Credential::IdentityToken(token.to_owned()))),
            (Some(user), Some(password)) => {
                Ok(Some(Credential::Password { user: user.to_owned(), password: password.to_owned() }))
            }
            _ => Err(self.error("get", "something other than a user and a secret")),
        }
    }

    /// Gives it a credential to keep.
    pub(super) fn store(&self, server: &str, credential: &Credential) -> Result<(), RegistryError> {
        let (user, secret) = match credential {
            Credential::Password { user, password } => (user.as_str(), password.as_str()),
            Credential::IdentityToken(token) => (TOKEN_USER, token.as_str()),
        };
        let request = json!({ "ServerURL": server, "Username": user, "Secret": secret });
        let answer = self.run("store", request.to_string())?;
        if answer.status.success() { Ok(()) } else { Err(self.failed("store", &answer, Some(secret))) }
    }

    /// Lets it forget a server; tells whether there was anything to forget.
    pub(super) fn forget(&self, server: &str) -> Result<bool, RegistryError> {
        // Where it cannot say, erasing tells.
        if matches!(self.get(server), Ok(None)) {
            return Ok(false);
        }
        let answer = self.run("erase", server.into())?;
        match answer.status.success() {
            true => Ok(true),
            false if answer.is_nothing() => Ok(false),
            false => Err(self.failed("erase", &answer, None)),
        }
    }

    fn run(&self, verb: &str, request: String) -> Result<Answer, RegistryError> {
        let failed = || RegistryError::io(format!("run {}", self.path.display()));
        let mut command = Command::new(&self.path);
        command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed())?;
        // No clock goes on for so long that this is none.
        let now = Instant::now();
        let until = now.checked_add(self.patience).unwrap_or(now);
        let answer = converse(&mut child, request.into_bytes(), until);
        if !matches!(answer, Ok(Some(_))) {
            let _ = child.kill();
            let _ = child.wait();
        }
        answer.map_err(failed())?.ok_or_else(|| {
            let (name, seconds) = (shown(&self.name), self.patience.as_secs());
            let why = format!("the credential helper {name} does not answer `{verb}` within {seconds} s");
            RegistryError::Settings(why)
        })
    }

    /// What a helper says may hold what it was told.
    fn failed(&self, verb: &str, answer: &Answer, secret: Option<&str>) -> RegistryError {
        let text = match secret.filter(|secret| !secret.is_empty()) {
            Some(secret) => answer.text.replace(secret, "..."),
            None => answer.text.clone(),
        };
        if text.trim().is_empty() || text.contains("\"Secret\"") {
            return self.error(verb, &answer.status.to_string());
        }
        self.error(verb, &shown(&text))
    }

    fn error(&self, verb: &str, why: &str) -> RegistryError {
        let name = shown(&self.name);
        RegistryError::Settings(format!("the credential helper {name} answers `{verb}` with: {why}"))
    }
}

impl Answer {
    fn is_nothing(&self) -> bool {
        NOTHING.contains(&self.text.trim())
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Tells a program something and hears what it says until it has ended; `None` where that takes too long.
fn converse(child: &mut Child, request: Vec<u8>, until: Instant) -> io::Result<Option<Answer>> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let (tell, hear) = mpsc::channel();
    // A thread of its own, never waited for: what the program started may keep the pipes open for ever.
    thread::Builder::new().spawn(move || {
        // A program that does not listen may still have something to say.
        let _ = input.write_all(&request);
        drop(input);
        let mut text = Vec::new();
        let _ = tell.send(output.take(ANSWER_MAX).read_to_end(&mut text).map(|_| text));
    })?;
    let text = match hear.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(text) => String::from_utf8_lossy(&text?).into_owned(),
        Err(RecvTimeoutError::Timeout) => return Ok(None),
        Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
    };
    Ok(wait(child, until)?.map(|status| Answer { status, text }))
}

fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= until {
            return Ok(status);
        }
        thread::sleep(pause);
        pause = pause.saturating_mul(2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::tests::program;

    /// A helper that is this script.
    fn helper(folder: &Path, script: &str) -> Helper {
        program(&folder.join("docker-credential-test"), script);
        Helper::find("test", folder.as_os_str()).unwrap()
    }

    fn password(user: &str, password: &str) -> Credential {
        Credential::Password { user: user.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn answers_to_get() {
        let rows = [
            (
                r#"[ "$1 $(cat)" = "get host" ] && echo '{"ServerURL":"host","Username":"ann","Secret":"pw"}'"#,
                Ok(Some(password("ann", "pw"))),
            ),
            (
                r#"echo '{"Username":"<token>","Secret":"t0k"}'"#,
                Ok(Some(Credential::IdentityToken("t0k".to_owned()))),
            ),
            (r#"echo '{"ServerURL":"","Username":"","Secret":""}'"#, Ok(None)),
            ("echo credentials not found in native keychain; exit 1", Ok(None)),
            ("echo the keychain is locked; exit 1", Err("answers `get` with: the keychain is locked")),
            ("exit 3", Err("answers `get` with: exit status: 3")),
            (
                r#"echo '{"Username":"ann","Secret":"hidden"}'; exit 1"#,
                Err("answers `get` with: exit status: 1"),
            ),
            ("kill -9 $$", Err("signal: 9")),
            ("echo hidden", Err("answers `get` with: something other than a user and a secret")),
            (r#"echo '{"Username":"ann","Secret":["hidden"]}'"#, Err("something other than")),
            ("yes hidden", Err("the credential helper docker-credential-test answers `get` with")),
        ];
        for (script, expect) in rows {
            let folder = tempfile::tempdir().unwrap();
            match (helper(folder.path(), script).get("host"), expect) {
                (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{script}"),
                (Err(found), Err(expect)) => {
                    let found = found.to_string();
                    assert!(found.contains(expect), "{script}: {found}");
                    assert!(script.contains("yes") || !found.contains("hidden"), "{script}: {found}");
                }
                (found, _) => panic!("{script}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_a_failing_store_says_hides_the_secret() {
        for script in ["echo \"no room for s3cr\\\"et\"; exit 1", "cat; exit 1", "cat >&2 >/dev/null; exit 1"]
        {
            let folder = tempfile::tempdir().unwrap();
            let error =
                helper(folder.path(), script).store("host", &password("ann", "s3cr\"et")).unwrap_err();
            assert!(!error.to_string().contains("s3cr"), "{error}");
        }
    }

    #[test]
    fn a_long_secret_passes_and_an_idle_helper_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(300_000);
        helper(folder.path(), "[ $(wc -c) -gt 300000 ]").store("host", &password("ann", &long)).unwrap();
        helper(folder.path(), "exit 0").store("host", &password("ann", &long)).unwrap();
    }

    #[test]
    fn patience_ends() {
        for script in ["sleep 0.6 & exit 0", "exec sleep 60", "exec >&-; exec sleep 60"] {
            let folder = tempfile::tempdir().unwrap();
            let helper = Helper { patience: Duration::from_millis(300), ..helper(folder.path(), script) };
            let started = Instant::now();
            let error = helper.get("host").unwrap_err().to_string();
            assert!(started.elapsed() < Duration::from_secs(2), "{script}");
            assert!(
                error.contains("docker-credential-test does not answer `get` within"),
                "{script}: {error}"
            );
        }
    }

    #[test]
    fn helpers_are_found_in_absolute_folders_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("docker-credential-plain"), "").unwrap();
        std::fs::create_dir(folder.path().join("docker-credential-folder")).unwrap();
        for (name, expect) in [
            ("missing", "docker-credential-missing is not in PATH"),
            ("plain", "docker-credential-plain is not in PATH"),
            ("folder", "docker-credential-folder is not in PATH"),
            ("../bin/sh", "not a path"),
            ("/bin/sh", "not a path"),
        ] {
            let error = Helper::find(name, folder.path().as_os_str()).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
        for folders in ["", ".", "relative:"] {
            assert!(Helper::find("test", OsStr::new(folders)).is_err());
        }
    }
}
