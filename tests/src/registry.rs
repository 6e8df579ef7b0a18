//! A real registry of our own: on a free port of this machine and with data in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{output, raw};

/// Starts the registry, waits until its input ends, and stops it by its ID; then nothing of it is left. As the shell
/// outlives a test that is killed, the registry is stopped however the test ends.
const KEEPER: &str = r#"
docker-registry serve "$1/config.yml" >>"$1/access" 2>>"$1/log" </dev/null &
registry=$!
trap '' INT TERM HUP
read -r _
kill $registry; wait $registry
rm -rf "$1"
"#;

/// Who is let in: [`Registry::USER`] with [`Registry::PASSWORD`], which bcrypt made this of. The registry takes no
/// other hash, and the program that makes them is seldom installed.
const HTPASSWD: &str = "plyer:$2y$05$Q5u4gkQ0y9XqJm1vXb8zCuJdrzYreoNNzrHwueVZ6FOAi9ZLcBCOa\n";

/// An authority and a server are not the same certificate, since strict clients take no authority for a server.
const OPENSSL: &str = "
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

/// A registry, stopped when it is dropped. It wants the package `docker-registry`, and `openssl` for TLS.
#[derive(Debug)]
pub struct Registry {
    folder: TempDir,
    host: String,
    storage: PathBuf,
    ca_file: Option<PathBuf>,
    /// Its input ends when the test does.
    keeper: Child,
}

/// How a registry is reached; by default by anybody, without TLS.
#[derive(Debug, Clone, Copy, Default)]
pub struct Access {
    /// Only [`Registry::USER`] is let in, with [`Registry::PASSWORD`].
    pub login: bool,
    /// It speaks TLS, with a certificate of an authority that nobody knows: [`Registry::ca_file`].
    pub tls: bool,
}

impl Registry {
    /// Who is let in where a login is wanted.
    pub const USER: &str = "plyer";
    /// The user's password.
    pub const PASSWORD: &str = "veneer";

    /// A registry that lets everybody in, without TLS.
    pub fn start() -> Self {
        Self::start_with(&Access::default())
    }

    /// A registry that is reached in this way.
    pub fn start_with(access: &Access) -> Self {
        let folder = tempfile::Builder::new().prefix("ply-registry-").tempdir().unwrap();
        let path = folder.path();
        let storage = path.join("storage");
        std::fs::create_dir(&storage).unwrap();
        std::fs::write(path.join("htpasswd"), HTPASSWD).unwrap();
        std::fs::write(path.join("config.yml"), config(path, *access)).unwrap();
        let ca_file = access.tls.then(|| certify(path));
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut registry = Self { folder, host: String::new(), storage, ca_file, keeper };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !registry.answers() {
            assert!(Instant::now() < deadline, "docker-registry does not come up: {}", registry.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        registry.clear_requests();
        registry
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// An image here: `127.0.0.1:PORT/app:1` of `app:1`.
    pub fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.host)
    }

    /// Where its files are; `docker/registry/v2` is the first folder in it.
    pub fn storage(&self) -> &Path {
        &self.storage
    }

    /// The certificate of the authority that vouches for it, in PEM.
    pub fn ca_file(&self) -> &Path {
        self.ca_file.as_deref().expect("a registry without TLS has no authority")
    }

    /// What it was asked since it started or since [`Self::clear_requests`], as `METHOD PATH STATUS`, in the order of
    /// its answers. The path has its query.
    pub fn requests(&self) -> Vec<String> {
        self.settled().lines().map(told).collect()
    }

    /// Forgets what it was asked.
    pub fn clear_requests(&self) {
        self.settled();
        // It appends, so that it goes on at the start.
        std::fs::write(self.access_log(), "").unwrap();
    }

    /// What it says of itself, for messages.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn access_log(&self) -> PathBuf {
        self.folder.path().join("access")
    }

    /// The access log once it stands still: an answer may be here before its line is.
    fn settled(&self) -> String {
        let mut before = None;
        loop {
            let now = std::fs::read_to_string(self.access_log()).unwrap();
            if before.as_ref() == Some(&now) {
                return now;
            }
            before = Some(now);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether it answers. The port is the system's choice, told in its log: a port chosen here could be gone by then.
    fn answers(&mut self) -> bool {
        let log = self.log();
        let Some((_, rest)) = log.split_once("listening on ") else { return false };
        let Some(end) = rest.find([',', '"']) else { return false };
        self.host = rest[..end].to_owned();
        let request = raw::last("GET", "/v2/", "");
        // To a request without TLS it says that it wants TLS, which is an answer as well.
        raw::exchange(&self.host, &request).is_ok_and(|answer| answer.starts_with(b"HTTP/1."))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn config(folder: &Path, access: Access) -> String {
    let folder = folder.display();
    let mut config = format!(
        "version: 0.1\n\
         log: {{accesslog: {{disabled: false}}, level: info}}\n\
         storage:\n  filesystem: {{rootdirectory: {folder}/storage}}\n  delete: {{enabled: true}}\n"
    );
    if access.login {
        config += &format!("auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n");
    }
    config += "http:\n  addr: 127.0.0.1:0\n  secret: known\n";
    if access.tls {
        config += &format!("  tls: {{certificate: {folder}/server.crt, key: {folder}/server.key}}\n");
    }
    config
}

/// Makes an authority and the certificate of a server on this machine. The authority's file is alone in its folder, as
/// some clients are told of a folder.
fn certify(folder: &Path) -> PathBuf {
    std::fs::create_dir(folder.join("authority")).unwrap();
    std::fs::write(folder.join("openssl.cnf"), OPENSSL).unwrap();
    let request = |args: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args("req -x509 -config openssl.cnf -nodes -days 30 -newkey ec".split(' '));
        openssl.args("-pkeyopt ec_paramgen_curve:prime256v1".split(' ')).args(args.split(' '));
        output(openssl.current_dir(folder));
    };
    request("-extensions authority -subj /CN=authority -keyout ca.key -out authority/ca.crt");
    request(
        "-extensions server -subj /CN=server -CA authority/ca.crt -CAkey ca.key -keyout server.key -out server.crt",
    );
    folder.join("authority/ca.crt")
}

/// A line of the access log: `HOST - - [TIME] "GET /v2/ HTTP/1.1" 200 2 "" "AGENT"`.
fn told(line: &str) -> String {
    let mut parts = line.split('"').skip(1);
    let (request, numbers) = (parts.next().unwrap(), parts.next().unwrap());
    let (request, _version) = request.rsplit_once(' ').unwrap();
    format!("{request} {}", numbers.split_whitespace().next().unwrap())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Access, Registry};
    use crate::{needs, raw, run};

    const REGISTRY: (&str, &str) = ("docker-registry", "docker-registry");
    /// `plyer:veneer` in base 64.
    const LOGIN: &str = "Authorization: Basic cGx5ZXI6dmVuZWVy\r\n";

    fn status(registry: &Registry, headers: &str) -> String {
        let answer = raw::exchange(&registry.host(), &raw::last("GET", "/v2/", headers)).unwrap();
        String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned()
    }

    #[test]
    fn it_answers_and_tells_what_it_was_asked() {
        if !needs(&[REGISTRY]) {
            return;
        }
        let registry = Registry::start();
        assert_eq!(registry.requests(), [""; 0]);
        assert_eq!(status(&registry, ""), "HTTP/1.1 200 OK");
        let _ = raw::exchange(&registry.host(), &raw::last("HEAD", "/v2/a/manifests/1?x=y", "")).unwrap();
        assert_eq!(registry.requests(), ["GET /v2/ 200", "HEAD /v2/a/manifests/1?x=y 404"]);
        registry.clear_requests();
        assert_eq!(status(&registry, ""), "HTTP/1.1 200 OK");
        assert_eq!(registry.requests(), ["GET /v2/ 200"]);
        assert_eq!(registry.name("app:1"), format!("{}/app:1", registry.host()));

        let (host, storage) = (registry.host(), registry.storage().to_owned());
        drop(registry);
        assert!(std::net::TcpStream::connect(host).is_err() && !storage.exists());
    }

    #[test]
    fn it_lets_one_user_in() {
        if !needs(&[REGISTRY]) {
            return;
        }
        assert_eq!((Registry::USER, Registry::PASSWORD), ("plyer", "veneer"));
        let registry = Registry::start_with(&Access { login: true, tls: false });
        assert_eq!(status(&registry, ""), "HTTP/1.1 401 Unauthorized");
        assert_eq!(status(&registry, LOGIN), "HTTP/1.1 200 OK");
        // `plyer:venees`
        assert_eq!(status(&registry, &LOGIN.replace("WVy", "WVz")), "HTTP/1.1 401 Unauthorized");
    }

    #[test]
    fn it_speaks_tls() {
        if !needs(&[REGISTRY, ("openssl", "openssl")]) {
            return;
        }
        let registry = Registry::start_with(&Access { login: true, tls: true });
        let request = raw::last("GET", "/v2/", LOGIN).replace("\r\n", "\\r\\n");
        let asked = |options: &str| {
            let connect =
                format!("openssl s_client -quiet -verify_return_error -connect {}", registry.host());
            run(Command::new("sh").args(["-c", &format!("printf '{request}' | {connect} {options}")]))
        };
        let trusting = format!("-CAfile {}", registry.ca_file().display());
        for host in ["-verify_ip 127.0.0.1", "-verify_hostname localhost"] {
            let answer = asked(&format!("{trusting} {host}"));
            assert!(answer.text().starts_with("HTTP/1.1 200 OK"), "{answer:?}");
        }
        assert_ne!(asked("").code, Some(0));
        assert_ne!(asked(&format!("{trusting} -verify_hostname other")).code, Some(0));
        assert_eq!(registry.requests(), ["GET /v2/ 200", "GET /v2/ 200"]);
    }
}
