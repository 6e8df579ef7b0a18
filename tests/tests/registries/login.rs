//! `login` and `logout`, against a real registry.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;

use ply_tests::{Access, Liar, Lie, Ply, Ran, Registry, needs};

use super::{Journey, finished};

const NEEDS: (&str, &str) = ("docker-registry", "docker-registry");
/// `plyer:veneer`
const BASIC: &str = "cGx5ZXI6dmVuZWVy";

fn login(journey: &Journey, host: &str, password: &str) -> Ran {
    let input = journey.ply.write("password", format!("{password}\n"));
    let mut command = journey.command(["login", "-u", Registry::USER, "--password-stdin", host]);
    let ran = finished(command.stdin(File::open(input).unwrap()));
    for secret in [password, BASIC] {
        assert!(!ran.text().contains(secret) && !ran.stderr.contains(secret), "{ran:?}");
    }
    ran
}

#[test]
fn in_and_out() {
    if !needs(&[NEEDS]) {
        return;
    }
    let journey = Journey::with(Ply::with_family());
    let registry = Registry::start_with(&Access { login: true, tls: false });
    let host = registry.host();
    let config = journey.home().join(".docker/config.json");
    let kept = || std::fs::read_to_string(&config).unwrap_or_default();
    let name = registry.name("app:1");
    let id = journey.ok(["images", "-q", "--no-trunc"]).lines().next().unwrap().to_owned();
    journey.ok(["tag", &id, &name]);

    let ran = journey.run(["push", &name]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("not logged in"), "{}", ran.stderr);

    let ran = login(&journey, &host, "wrong");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(kept(), "");

    let ran = login(&journey, &host, Registry::PASSWORD);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.text().contains("Login Succeeded"), "{}", ran.text());
    assert!(ran.stderr.contains(config.to_str().unwrap()), "{}", ran.stderr);
    assert!(kept().contains(BASIC) && kept().contains(&host), "{}", kept());
    assert_eq!(config.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    journey.ok(["push", &name]);
    journey.ok(["rmi", &name]);
    journey.ok(["pull", &name]);
    assert_eq!(journey.ok(["inspect", "-f", "{{.Id}}", &name]), id);
    assert_eq!(journey.ok(["search", "--tags", &registry.name("app")]), "1");

    // What was right stays when somebody mistypes it later.
    assert_eq!(login(&journey, &host, "wrong").code, Some(1));
    assert!(kept().contains(BASIC));

    assert!(journey.ok(["logout", &host]).contains("Removing login credentials"));
    assert!(!kept().contains(BASIC) && !kept().contains(&host), "{}", kept());
    assert!(journey.ok(["logout", &host]).contains("Not logged in"));
    assert_eq!(journey.run(["search", "--tags", &registry.name("app")]).code, Some(1));
    journey.is_sound();
}

/// What else is in the file stays as it is.
#[test]
fn what_else_is_kept() {
    let journey = Journey::new();
    journey.liar.require_basic(Registry::USER, Registry::PASSWORD);
    let host = journey.liar.host();
    let before = r#"{"credsStore":"","psFormat":"table","auths":{"other.example":{"auth":"YTpi"}},"x":[1,{"y":null}]}"#;
    let path = journey.at_home(".docker/config.json", before);
    let value = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(&path).unwrap()).unwrap();
    let was = value();
    assert_eq!(login(&journey, &host, Registry::PASSWORD).code, Some(0));
    let now = value();
    assert_eq!(now["auths"][&host]["auth"], BASIC);
    for key in ["psFormat", "x"] {
        assert_eq!(now[key], was[key]);
    }
    assert_eq!(now["auths"]["other.example"], was["auths"]["other.example"]);
    journey.ok(["logout", &host]);
    assert_eq!(value()["auths"], was["auths"]);
    // Only the registry that asked has seen it, and only after it had asked.
    let log = journey.liar.log();
    assert_eq!(journey.liar.requests(), ["GET /v2/ 401", "GET /v2/ 200"]);
    assert_eq!(log[0].header("Authorization"), None);
}

/// A registry that takes the password elsewhere gets nowhere with it, and nothing is kept.
#[test]
fn logins_that_fail() {
    let other = Liar::new();
    other.require_basic(Registry::USER, Registry::PASSWORD);
    let away = format!("http://{}/v2/", other.host());
    for lie in [
        Lie::Redirect(307, away),
        Lie::Redirect(307, "http://169.254.169.254/".to_owned()),
        Lie::Status(404, Vec::new(), String::new()),
        Lie::Status(403, Vec::new(), String::new()),
    ] {
        let journey = Journey::new();
        journey.liar.require_basic(Registry::USER, Registry::PASSWORD);
        journey.lie("", lie.clone());
        assert_eq!(login(&journey, &journey.liar.host(), Registry::PASSWORD).code, Some(1), "{lie:?}");
        assert!(!journey.home().join(".docker/config.json").exists());
        assert!(other.log().iter().all(|request| request.header("Authorization").is_none()));
    }
}
