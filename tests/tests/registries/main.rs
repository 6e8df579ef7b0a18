//! Pulls of the real binary from a registry that lies, and from a real one.

mod again;
mod bodies;
mod broken;
mod credentials;
mod documents;
mod elsewhere;
mod lists;
mod login;
mod pushes;
mod ranges;
mod stopped;
mod strangers;
mod tls;
mod waiting;
mod whole;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{Liar, Lie, Ply, Ran, Request, Rule, Served};

/// Longer than any run here takes, so that one that hangs fails its test.
const LIMIT: Duration = Duration::from_secs(60);

/// A store, a home where nobody has ever logged in, and a registry that lies.
struct Journey {
    ply: Ply,
    liar: Liar,
}

impl Journey {
    fn new() -> Self {
        Self::with(Ply::new())
    }

    fn with(ply: Ply) -> Self {
        Self { ply, liar: Liar::new() }
    }

    /// The home.
    fn home(&self) -> PathBuf {
        self.ply.file("home")
    }

    /// Writes a file of the home.
    fn at_home(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Keeps credentials for the liar, as `login` would.
    fn logged_in(&self, entry: &str) {
        self.at_home(".docker/config.json", format!(r#"{{"auths":{{"{}":{{{entry}}}}}}}"#, self.liar.host()));
    }

    /// A command line that sees nothing of who runs the test: no credentials, no certificates, no proxies.
    fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.ply.command(args);
        command.env("HOME", self.home()).env("XDG_RUNTIME_DIR", self.ply.file("runtime"));
        for variable in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "REQUEST_METHOD"] {
            command.env_remove(variable);
        }
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
        command
    }

    fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        finished(&mut self.command(args))
    }

    /// Runs it; it must succeed. Gives what it printed, less the last line end.
    #[track_caller]
    fn ok<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let mut command = self.command(args);
        let ran = finished(&mut command);
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.stderr);
        ran.text().trim_end_matches('\n').to_owned()
    }

    fn pull(&self, image: &str) -> Ran {
        self.run(["pull", &self.liar.name(image)])
    }

    /// Names and IDs.
    fn images(&self) -> String {
        self.ok(["images", "-a", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}}@{{.Digest}} {{.ID}}"])
    }

    /// Pulls an image that does not come, for a reason that names all of `words`. The store is sound, and its images are
    /// those it had. Gives what was said.
    #[track_caller]
    fn fails(&self, image: &str, words: &[&str]) -> String {
        let before = self.images();
        let ran = self.pull(image);
        assert_eq!(ran.code, Some(1), "{}{} {:?}", ran.text(), ran.stderr, self.liar.requests());
        for word in words {
            assert!(ran.stderr.contains(word), "no {word:?} in: {}", ran.stderr);
        }
        assert!(ran.stderr.starts_with("ply: ") && ran.stderr.len() < 2000, "{}", ran.stderr);
        for word in ["Error {", "panicked", "RUST_BACKTRACE"] {
            assert!(!ran.stderr.contains(word), "{}", ran.stderr);
        }
        assert_eq!(self.images(), before);
        self.is_sound();
        ran.stderr
    }

    /// Pulls an image, which comes.
    #[track_caller]
    fn comes(&self, image: &str, served: &Served) {
        let ran = self.pull(image);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(self.ok(["inspect", "-f", "{{.Id}}", &self.liar.name(image)]), served.config);
        self.is_sound();
    }

    /// Pulls an image that does not come while the registry lies, and comes when it does not; what had come whole is not asked
    /// for again, and the rest once. Gives what was said.
    #[track_caller]
    fn fails_until_honest(&self, image: &str, served: &Served, words: &[&str]) -> String {
        let said = self.fails(image, words);
        self.liar.stop_lying();
        self.liar.clear_log();
        let absent: Vec<&String> = served.layers.iter().filter(|layer| !self.has(layer)).collect();
        self.comes(image, served);
        for layer in &served.layers {
            let expected = usize::from(absent.contains(&layer));
            assert_eq!(self.asked(layer).len(), expected, "{:?}", self.liar.requests());
        }
        said
    }

    /// Where the store keeps a blob.
    fn blob(&self, digest: &str) -> PathBuf {
        self.ply.store().join("blobs").join(digest.replace(':', "/"))
    }

    fn has(&self, digest: &str) -> bool {
        self.blob(digest).exists()
    }

    #[track_caller]
    fn is_sound(&self) {
        let ran = self.run(["check"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.stderr);
    }

    /// Lies from now on, in answers to what has this in its path.
    fn lie(&self, path_contains: &str, lie: Lie) {
        self.liar.lie(Rule::new("", path_contains, lie));
    }

    /// Lies so many times.
    fn lie_times(&self, times: usize, path_contains: &str, lie: Lie) {
        self.liar.lie(Rule::new("", path_contains, lie).times(times));
    }

    /// The requests so far whose path has this in it.
    fn asked(&self, path_contains: &str) -> Vec<Request> {
        asked(&self.liar, path_contains)
    }
}

/// How a command ended, which must be before the limit.
#[track_caller]
fn finished(command: &mut Command) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let read = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        })
    };
    let stdout = read(Box::new(child.stdout.take().unwrap()));
    let stderr = read(Box::new(child.stderr.take().unwrap()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?} does not come to an end");
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }.into()
}

/// The requests to a server whose path has this in it.
fn asked(liar: &Liar, path_contains: &str) -> Vec<Request> {
    liar.log().into_iter().filter(|request| request.target.contains(path_contains)).collect()
}

/// What was asked for of a blob: `Range`, where there was one.
fn ranges(requests: &[Request]) -> Vec<Option<&str>> {
    requests.iter().map(|request| request.header("Range")).collect()
}

/// Bytes that do not shrink.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A layer of so many bytes and a few more, all of which are on the way whatever packs it.
fn large(seed: u64, length: usize) -> Vec<u8> {
    ply_tests::Tarball::new().file("noise", noise(seed, length)).finish()
}
