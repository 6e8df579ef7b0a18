use super::*;

/// A home folder with these files below `.docker`; `{team}` is the folder of the context `team`.
fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let team = format!("contexts/meta/{}", Digest::of(b"team").hex());
    for (path, text) in files {
        let path = home.path().join(".docker").join(path.replace("{team}", &team));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

fn variables(given: &[(&str, &str)]) -> Variables {
    let of = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
    Variables {
        docker_host: of("DOCKER_HOST"),
        docker_context: of("DOCKER_CONTEXT"),
        docker_config: of("DOCKER_CONFIG"),
    }
}

#[track_caller]
fn check(given: &[(&str, &str)], files: &[(&str, &str)], expect: Result<&str, &str>) {
    let home = home(files);
    let found = socket(&variables(given), Some(home.path()));
    match (found, expect) {
        (Ok(path), Ok(expect)) => assert_eq!(path, Path::new(expect)),
        (Err(error), Err(expect)) => {
            let error = error.to_string().replace(home.path().to_str().unwrap(), "~");
            assert!(error.starts_with(expect), "{error}");
        }
        (found, _) => panic!("{found:?} instead of {expect:?}"),
    }
}

const CURRENT: (&str, &str) = ("config.json", r#"{"auths":{},"currentContext":"team"}"#);
const META: (&str, &str) = (
    "{team}/meta.json",
    r#"{"Name":"team","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///run/user/7/docker.sock","SkipTLSVerify":false}}}"#,
);

#[test]
fn the_order_of_docker() {
    check(&[], &[], Ok("/var/run/docker.sock"));
    check(&[("DOCKER_HOST", "unix:///a/b.sock")], &[], Ok("/a/b.sock"));
    check(&[("DOCKER_HOST", "unix://")], &[], Ok("/var/run/docker.sock"));
    check(&[("DOCKER_HOST", "")], &[CURRENT, META], Ok("/run/user/7/docker.sock"));
    check(&[], &[CURRENT, META], Ok("/run/user/7/docker.sock"));
    check(&[("DOCKER_CONTEXT", "team")], &[META], Ok("/run/user/7/docker.sock"));
    check(&[("DOCKER_CONTEXT", "default")], &[CURRENT, META], Ok("/var/run/docker.sock"));
    let both = [("DOCKER_HOST", "unix:///a.sock"), ("DOCKER_CONTEXT", "nobody")];
    check(&both, &[CURRENT, META], Ok("/a.sock"));
}

#[test]
fn contexts_that_name_no_address() {
    let check = |meta: &str, expect| check(&[], &[CURRENT, ("{team}/meta.json", meta)], expect);
    check(r#"{"Endpoints":{"docker":{}}}"#, Ok("/var/run/docker.sock"));
    check(r#"{"Endpoints":{}}"#, Err("the Docker context team is not one of a Docker daemon"));
    check(r#"{"Name":"team"}"#, Err("the Docker context team is not one of a Docker daemon"));
    check("", Err("the Docker context team does not exist"));
}

#[test]
fn settings_that_lead_nowhere() {
    check(&[("DOCKER_CONTEXT", "a\nb")], &[], Err("the Docker context a\\nb does not exist"));
    check(
        &[("DOCKER_HOST", "tcp://10.0.0.1:2375")],
        &[],
        Err("DOCKER_HOST says tcp://10.0.0.1:2375, and only"),
    );
    check(&[("DOCKER_HOST", "10.0.0.1")], &[], Err("DOCKER_HOST says 10.0.0.1, and only unix://"));
    let ssh = r#"{"Endpoints":{"docker":{"Host":"ssh://me@far"}}}"#;
    let expect = "the Docker context team says ssh://me@far, and only unix:// is spoken: forward the socket";
    check(&[], &[CURRENT, ("{team}/meta.json", ssh)], Err(expect));
    check(&[], &[("config.json", "{")], Err("~/.docker/config.json is not what Docker writes: "));
    check(&[], &[("config.json/folder", "")], Err("cannot read ~/.docker/config.json"));
}

#[test]
fn folders_of_settings() {
    let home = home(&[CURRENT, META]);
    let elsewhere = home.path().join(".docker");
    let given = [("DOCKER_CONFIG", elsewhere.to_str().unwrap())];
    assert_eq!(socket(&variables(&given), None).unwrap(), Path::new("/run/user/7/docker.sock"));
    assert_eq!(socket(&variables(&[]), None).unwrap(), Path::new(USUAL));
    assert!(socket(&variables(&[("DOCKER_CONTEXT", "team")]), None).is_err());
}
