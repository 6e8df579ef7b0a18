use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;

mod helpers;

/// Writes a shell script that can be run. Another process writes it: in ours, a child of another thread could hold
/// it open, and what is open for writing cannot be run.
pub(super) fn program(path: &Path, script: &str) {
    let mut shell = Command::new("sh")
        .args(["-c", r#"cat >"$0" && chmod +x "$0""#])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("#!/bin/sh\n{script}\n");
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
}

struct Home {
    folder: TempDir,
    credentials: Credentials,
}

impl Home {
    /// With these files, `None` for one that is not there.
    fn with(docker: Option<&str>, podman: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (docker_path, podman_path) =
            (folder.path().join("docker/config.json"), folder.path().join("auth.json"));
        if let Some(content) = docker {
            fs::create_dir(folder.path().join("docker")).unwrap();
            fs::write(&docker_path, content).unwrap();
        }
        if let Some(content) = podman {
            fs::write(&podman_path, content).unwrap();
        }
        let mut credentials = Credentials::at(docker_path, vec![podman_path]);
        credentials.search = Some(folder.path().into());
        Self { folder, credentials }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("docker/config.json")
    }

    fn docker(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    /// The user that is found for an image.
    fn user(&self, image: &str) -> String {
        match self.credentials.find(&image.parse().unwrap()) {
            Ok(Some(Credential::Password { user, password })) => {
                assert_eq!(password, "pw");
                user
            }
            Ok(Some(Credential::IdentityToken(token))) => format!("token {token}"),
            Ok(None) => "-".to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

fn ann() -> Credential {
    Credential::Password { user: "ann".to_owned(), password: "pw".to_owned() }
}

/// `{"auths": ...}` with an entry a key, whose user is called as the key's place says: `u0`, `u1`.
fn file(keys: &[&str]) -> String {
    let entries = keys.iter().enumerate().map(|(place, key)| {
        let user = format!("u{place}");
        let credential = Credential::Password { user, password: "pw".to_owned() };
        ((*key).to_owned(), entry::write(&credential).unwrap())
    });
    serde_json::json!({ "auths": entries.collect::<Map<String, Value>>() }).to_string()
}

#[test]
fn entries_are_found_under_all_their_keys() {
    let rows: [(&[&str], &str, &str); 17] = [
        (&[], "host.example/app", "-"),
        (&["host.example"], "host.example/app", "u0"),
        (&["host.example"], "HOST.example/app", "u0"),
        (&["host.example"], "host.example:5000/app", "-"),
        (&["host.example:5000"], "host.example:5000/app", "u0"),
        (&["https://host.example/"], "host.example/app", "u0"),
        (&["http://host.example/v1/"], "host.example/app", "u0"),
        (&["https://host.example/v2/", "host.example"], "host.example/app", "u1"),
        (&["https://index.docker.io/v1/"], "nginx", "u0"),
        (&["docker.io", "https://index.docker.io/v1/"], "team/app", "u1"),
        (&["registry-1.docker.io"], "team/app", "u0"),
        (&["host.example", "host.example/a", "host.example/a/b"], "host.example/a/b/c", "u2"),
        (&["host.example", "host.example/a", "host.example/a/b"], "host.example/a/x", "u1"),
        (&["host.example/a/b/c", "host.example/a/b"], "host.example/a/b/c", "u0"),
        (&["host.example/a"], "host.example/ab", "-"),
        (&["docker.io/library", "docker.io"], "nginx", "u0"),
        (&["docker.io/library", "docker.io"], "team/app", "u1"),
    ];
    for (keys, image, expect) in rows {
        let content = file(keys);
        for home in [Home::with(Some(&content), None), Home::with(None, Some(&content))] {
            assert_eq!(home.user(image), expect, "{image} of {keys:?}");
        }
    }
}

#[test]
fn files_are_asked_in_order() {
    let (one, two) = (file(&["host.example"]), file(&["-", "host.example", "other.example"]));
    let home = Home::with(Some(&one), Some(&two));
    assert_eq!(
        (home.user("host.example/a"), home.user("other.example/a")),
        ("u0".to_owned(), "u2".to_owned())
    );
    assert_eq!(
        home.credentials.of_host("https://host.example/v2/").unwrap(),
        home.credentials.of_host("host.example").unwrap()
    );
    let home = Home::with(Some(&one), Some("damaged"));
    assert_eq!(home.user("host.example/a"), "u0");
    assert!(
        home.user("other.example/a").ends_with("auth.json is damaged: it has no JSON at line 1, column 1")
    );
}

#[test]
fn no_file_is_nobody() {
    for home in [
        Home::with(None, None),
        Home::with(Some(""), Some(" \n")),
        Home::with(Some("{\"auths\":null}"), None),
    ] {
        assert_eq!(home.user("nginx"), "-");
        assert!(!home.credentials.forget("docker.io").unwrap());
    }
    let none = Credentials::none();
    assert_eq!(none.of_host("docker.io").unwrap(), None);
    assert!(!none.forget("docker.io").unwrap());
    assert!(none.keep("docker.io", &ann()).unwrap_err().to_string().contains("no place"));
    assert_eq!(Home::with(Some(&file(&[""])), None).user("my_host.lan/app"), "-", "a name without a host");
    let below_a_file = Credentials::at(PathBuf::from("/dev/null/.docker/config.json"), Vec::new());
    assert_eq!(below_a_file.of_host("docker.io").unwrap(), None);
}

#[test]
fn damage_is_told_without_secrets() {
    let rows = [
        ("{\"auths\": hidden}", "config.json is damaged: it has no JSON at line 1, column 11"),
        ("[\"hidden\"]", "config.json is damaged: it has no object"),
        (r#"{"auths": ["hidden"]}"#, "it has `auths` that is no object"),
        (r#"{"credHelpers": "hidden"}"#, "it has `credHelpers` that is no object"),
        (
            r#"{"credHelpers": {"host.example": ["hidden"]}}"#,
            "it has a name in `credHelpers` that is not text",
        ),
        (r#"{"credsStore": ["hidden"]}"#, "it has a name in `credsStore` that is not text"),
        (r#"{"auths": {"host.example": "hidden"}}"#, "it has an entry host.example that is not an object"),
        (
            r#"{"auths": {"https://host.example/": {"auth": "aGlkZGVu"}}}"#,
            "an entry https://host.example/ that has an `auth` without a colon after the user",
        ),
    ];
    for (content, expect) in rows {
        let home = Home::with(Some(content), None);
        let error = home.user("host.example/app");
        assert!(error.contains(expect), "{content}: {error}");
        assert!(!error.contains("hidden") && !error.contains("aGlkZGVu"), "{error}");
    }
    let other = Home::with(Some(r#"{"auths": {"other.example": {"auth": "aGlkZGVu"}}}"#), None);
    assert_eq!(other.user("host.example/app"), "-", "what is wrong with others does not matter");
    let folder = Credentials::at(PathBuf::from("/"), Vec::new());
    assert_eq!(folder.of_host("docker.io").unwrap_err().to_string(), "cannot read /");
}

#[test]
fn a_login_changes_its_entry_alone() {
    let home = Home::with(
        Some(r#"{"zeta":[1,2.5],"auths":{"b":{"auth":"YTpi"},"a":{}},"HttpHeaders":{"X":"y"}}"#),
        None,
    );
    let keep = |host: &str, credential: &Credential| home.credentials.keep(host, credential).unwrap();
    assert_eq!(keep("https://host.example:5000/v2/", &ann()), Kept::File(home.path()));
    keep("docker.io", &Credential::IdentityToken("t0k".to_owned()));
    assert_eq!(
        (home.user("host.example:5000/app"), home.user("nginx")),
        ("ann".to_owned(), "token t0k".to_owned())
    );
    let expect = r#"{
	"zeta": [
		1,
		2.5
	],
	"auths": {
		"b": {
			"auth": "YTpi"
		},
		"a": {},
		"host.example:5000": {
			"auth": "YW5uOnB3"
		},
		"https://index.docker.io/v1/": {
			"auth": "PHRva2VuPjo=",
			"identitytoken": "t0k"
		}
	},
	"HttpHeaders": {
		"X": "y"
	}
}"#;
    assert_eq!(home.docker(), expect);
    assert!(home.credentials.forget("index.docker.io").unwrap());
    assert!(!home.credentials.forget("index.docker.io").unwrap());
    assert_eq!(home.user("nginx"), "-");
    assert!(home.docker().contains("\"host.example:5000\"") && home.docker().contains("\"X\""));
    assert!(home.credentials.keep("", &ann()).is_err());
}

#[test]
fn a_logout_takes_all_keys_of_a_registry_and_no_others() {
    let keys = ["https://host.example/v1/", "host.example/team", "host.example", "other.example"];
    let home = Home::with(Some(&file(&keys)), Some(&file(&["host.example"])));
    assert!(home.credentials.forget("host.example").unwrap());
    let left: Value = serde_json::from_str(&home.docker()).unwrap();
    let left: Vec<&String> = left["auths"].as_object().unwrap().keys().collect();
    assert_eq!(left, ["host.example/team", "other.example"]);
    assert_eq!(home.user("host.example/app"), "u0", "podman's stays");
}

#[test]
fn what_is_damaged_is_not_written_over() {
    for content in ["damaged", r#"{"auths": 7}"#] {
        let home = Home::with(Some(content), None);
        home.credentials.keep("host.example", &ann()).unwrap_err();
        home.credentials.forget("host.example").unwrap_err();
        assert_eq!(home.docker(), content);
    }
}

#[test]
fn two_logins_at_once_both_stay() {
    let home = Home::with(None, None);
    std::thread::scope(|scope| {
        for host in 0..8 {
            let credentials = &home.credentials;
            scope.spawn(move || credentials.keep(&format!("host{host}.example"), &ann()).unwrap());
        }
    });
    for host in 0..8 {
        assert_eq!(home.user(&format!("host{host}.example/app")), "ann");
    }
}
