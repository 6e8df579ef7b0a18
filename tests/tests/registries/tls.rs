//! Registries behind TLS, whose certificate somebody vouches for or nobody does.

use ply_tests::{Access, Ply, Ran, Registry, needs};

use super::Journey;

const NEEDS: [(&str, &str); 2] = [("docker-registry", "docker-registry"), ("openssl", "openssl")];

fn with_image(registry: &Registry) -> (Journey, String, String) {
    let journey = Journey::with(Ply::with_family());
    let name = registry.name("app:1");
    let id = journey.ok(["images", "-q", "--no-trunc"]).lines().next().unwrap().to_owned();
    journey.ok(["tag", &id, &name]);
    (journey, name, id)
}

#[track_caller]
fn mentions_the_certificate(ran: &Ran) {
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("certificate"), "{}", ran.stderr);
}

#[test]
fn an_authority_in_the_home() {
    if !needs(&NEEDS) {
        return;
    }
    let registry = Registry::start_with(&Access { login: false, tls: true });
    let (journey, name, id) = with_image(&registry);
    // Nobody vouches for it: an error, and no attempt without TLS that got anywhere.
    mentions_the_certificate(&journey.run(["push", &name]));
    mentions_the_certificate(&journey.run(["pull", &registry.name("other:1")]));
    let asked = registry.requests();
    assert!(asked.is_empty(), "{asked:?}");

    // Nor does an authority that vouches for another.
    let folder = format!(".docker/certs.d/{}", registry.host());
    let pem = std::fs::read(registry.ca_file()).unwrap();
    journey.at_home(&format!("{folder}0/ca.crt"), &pem);
    mentions_the_certificate(&journey.run(["push", &name]));

    let ca = journey.at_home(&format!("{folder}/ca.crt"), &pem);
    journey.ok(["push", &name]);
    journey.ok(["rmi", &name]);
    journey.ok(["pull", &name]);
    assert_eq!(journey.ok(["inspect", "-f", "{{.Id}}", &name]), id);
    journey.is_sound();

    std::fs::write(&ca, "no certificate").unwrap();
    let ran = journey.run(["pull", &name]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("ca.crt holds no certificate"), "{}", ran.stderr);
}

#[test]
fn without_verifying() {
    if !needs(&NEEDS) {
        return;
    }
    let registry = Registry::start_with(&Access { login: false, tls: true });
    let (journey, name, id) = with_image(&registry);
    journey.ok(["--tls-verify=false", "push", &name]);
    journey.ok(["rmi", &name]);
    mentions_the_certificate(&journey.run(["pull", &name]));
    journey.ok(["--tls-verify=false", "pull", &name]);
    assert_eq!(journey.ok(["inspect", "-f", "{{.Id}}", &name]), id);
}

/// A registry whose authority is known is spoken to with TLS or not at all, also on this machine and when it has lost its TLS.
#[test]
fn never_without() {
    if !needs(&NEEDS) {
        return;
    }
    let journey = Journey::new();
    let pem = std::fs::read(Registry::start_with(&Access { login: false, tls: true }).ca_file()).unwrap();
    let registry = Registry::start();
    let host = registry.host();
    journey.at_home(&format!(".docker/certs.d/{host}/ca.crt"), pem);
    journey
        .at_home(".docker/config.json", format!(r#"{{"auths":{{"{host}":{{"auth":"cGx5ZXI6dmVuZWVy"}}}}}}"#));
    let ran = journey.run(["pull", &registry.name("app:1")]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("cannot reach https://{host}")), "{}", ran.stderr);
    assert_eq!(registry.requests(), [""; 0]);
}
