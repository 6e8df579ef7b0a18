use super::*;

/// Keeps a file a server, in a folder beside itself.
const KEEPER: &str = r#"
at="$(dirname "$0")/$(basename "$0").kept"; mkdir -p "$at"; request=$(cat)
case $1 in
store) server=$(printf %s "$request" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/') ;;
*) server=$request ;;
esac
file="$at/$(printf %s "$server" | tr / _)"
case $1 in
store) printf %s "$request" >"$file" ;;
get) [ -f "$file" ] && cat "$file" || { echo credentials not found in native keychain; exit 1; } ;;
erase) rm "$file" ;;
esac
"#;

fn helper(home: &Home, name: &str) {
    program(&home.folder.path().join(format!("docker-credential-{name}")), KEEPER);
}

#[test]
fn helpers_keep_find_and_forget() {
    let rows = [
        (r#"{"credsStore":"all"}"#, "all", "docker.io", "nginx"),
        (r#"{"credsStore":"all"}"#, "all", "host.example", "host.example/app"),
        (
            r#"{"credsStore":"all","credHelpers":{"host.example":"one"}}"#,
            "one",
            "host.example",
            "host.example/app",
        ),
        (
            r#"{"credsStore":"all","credHelpers":{"other.example":"one"}}"#,
            "all",
            "host.example",
            "host.example/app",
        ),
        (r#"{"credHelpers":{"https://index.docker.io/v1/":"one"}}"#, "one", "docker.io", "nginx"),
        (r#"{"credHelpers":{"docker.io":"one"}}"#, "one", "docker.io", "nginx"),
    ];
    for (content, name, host, image) in rows {
        let home = Home::with(Some(content), None);
        helper(&home, "all");
        helper(&home, "one");
        let keep = |credential: &Credential| home.credentials.keep(host, credential).unwrap();
        assert_eq!(keep(&ann()), Kept::Helper(name.to_owned()), "{content}");
        assert_eq!(home.user(image), "ann");
        keep(&Credential::IdentityToken("t0k".to_owned()));
        assert_eq!(home.user(image), "token t0k");
        let key = Scope::of_host(host).docker_key().to_owned();
        let written: Value = serde_json::from_str(&home.docker()).unwrap();
        assert_eq!(written["auths"], serde_json::json!({ key: {} }), "no secret in the file");
        assert!(home.credentials.forget(host).unwrap(), "{content}");
        assert!(!home.credentials.forget(host).unwrap(), "{content}");
        assert_eq!(home.user(image), "-");
        assert!(!home.docker().contains(&format!("\"{}\": {{}}", Scope::of_host(host).docker_key())));
    }
}

#[test]
fn what_a_helper_does_not_have_may_stand_in_the_file() {
    let mut content: Value = serde_json::from_str(&file(&["host.example"])).unwrap();
    content["credsStore"] = "all".into();
    let home = Home::with(Some(&content.to_string()), None);
    assert!(home.user("host.example/app").contains("docker-credential-all is not in PATH"));
    helper(&home, "all");
    assert_eq!(home.user("host.example/app"), "u0");
    content["credHelpers"] = serde_json::json!({ "host.example": "" });
    let without = Home::with(Some(&content.to_string()), None);
    assert_eq!(without.user("host.example/app"), "u0", "no helper for this one");
}

#[test]
fn podman_names_helpers_of_registries_only() {
    let home = Home::with(None, Some(r#"{"credsStore":"all","credHelpers":{"docker.io":"one"}}"#));
    helper(&home, "one");
    assert_eq!(home.user("host.example/app"), "-");
    assert_eq!(home.user("nginx"), "-");
    let kept = home.folder.path().join("docker-credential-one.kept");
    fs::write(kept.join("docker.io"), r#"{"Username":"bob","Secret":"pw"}"#).unwrap();
    assert_eq!(home.user("nginx"), "bob");
}

#[test]
fn a_helper_that_fails_leaves_no_secret_in_the_file() {
    let mut content: Value = serde_json::from_str(&file(&["host.example"])).unwrap();
    content["credsStore"] = "../evil".into();
    let home = Home::with(Some(&content.to_string()), None);
    for error in [
        home.credentials.keep("host.example", &ann()).unwrap_err(),
        home.credentials.of_host("host.example").unwrap_err(),
        home.credentials.forget("host.example").unwrap_err(),
    ] {
        assert!(error.to_string().contains("is not a path: ../evil"), "{error}");
    }
    assert!(!home.docker().contains("\"auth\":") && home.docker().contains("../evil"));
}
