use std::io::{IsTerminal, Read, Write};

use plywood::registry::{Credential, Kept};

use super::Outcome;
use crate::arguments::{Login, Logout};
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure, note};
use crate::stdin::Patient;

/// The registry that names without a host belong to.
const DEFAULT: &str = "docker.io";
/// No password is longer.
const LONGEST: u64 = 1 << 20;

pub(crate) fn run(context: &Context, arguments: &Login) -> Outcome {
    let domain = domain(arguments.host.as_deref())?;
    let engine = context.engine()?;
    if arguments.password_stdin && arguments.username.is_none() {
        return Err(Failure::Misuse("Must provide --username with --password-stdin".to_owned()));
    }
    let user = match &arguments.username {
        Some(user) => user.clone(),
        None => ask("Username: ", false)?,
    };
    let password = match (&arguments.password, arguments.password_stdin) {
        (Some(password), _) => {
            note("Using --password via the CLI is insecure. Use --password-stdin.");
            password.clone()
        }
        (None, true) => read_password(context)?,
        (None, false) => ask("Password: ", true)?,
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::Misuse("a user and a password are needed".to_owned()));
    }
    match engine.login(&domain, &Credential::Password { user, password })? {
        Kept::File(path) => note(&format!(
            "the password is kept in {}, where whoever can read that file can read it; a credential helper keeps it better",
            path.display()
        )),
        Kept::Helper(_) => {}
    }
    output::line("Login Succeeded")?;
    Ok(Exit::Done)
}

pub(crate) fn logout(context: &Context, arguments: &Logout) -> Outcome {
    let domain = domain(arguments.host.as_deref())?;
    if context.engine()?.logout(&domain)? {
        output::line(&format!("Removing login credentials for {domain}"))?;
    } else {
        output::line(&format!("Not logged in to {domain}"))?;
    }
    Ok(Exit::Done)
}

/// A host, also where somebody gives a URL or a whole name, as Docker's users do.
fn domain(host: Option<&str>) -> Result<String, Failure> {
    let given = host.unwrap_or(DEFAULT);
    let host = given.split_once("://").map_or(given, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    // Whether it is one is for the grammar of names to say.
    let is_host = ply_reference::Name::parse(&format!("{host}/x")).is_ok_and(|name| name.domain() == host);
    if is_host {
        return Ok(host.to_owned());
    }
    if ply_reference::Name::parse(&format!("{host}/x")).is_ok_and(|name| name.domain() == DEFAULT)
        && host.contains('.')
    {
        return Ok(DEFAULT.to_owned());
    }
    Err(Failure::Misuse(format!("{given:?} is no registry's host")))
}

fn read_password(context: &Context) -> Result<String, Failure> {
    let mut text = String::new();
    let failed = |e: std::io::Error| Failure::Message(format!("cannot read the password from stdin: {e}"));
    Patient::stdin(context).take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks on a terminal; a secret is not shown while it is typed.
fn ask(prompt: &str, secret: bool) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Misuse(
            "Cannot perform an interactive login from a non TTY device: use -u USER --password-stdin"
                .to_owned(),
        ));
    }
    let failed = |e: std::io::Error| Failure::Message(format!("cannot read from the terminal: {e}"));
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{prompt}").and_then(|()| stderr.flush());
    let _quiet = secret.then(|| Quiet::new(&stdin));
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(failed)?;
    if secret {
        let _ = writeln!(stderr);
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Quiet<'a> {
    terminal: &'a std::io::Stdin,
    before: Option<rustix::termios::Termios>,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a std::io::Stdin) -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(terminal).ok();
        if let Some(mut quiet) = before.clone() {
            quiet.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(terminal, OptionalActions::Flush, &quiet);
        }
        Self { terminal, before }
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ =
                rustix::termios::tcsetattr(self.terminal, rustix::termios::OptionalActions::Flush, before);
        }
    }
}
