use super::*;

/// What it is read as: `name`, `id`, or `name|id`.
fn read(text: &str) -> String {
    match Query::parse(text).unwrap() {
        Query::Reference(reference) => reference.canonical(),
        Query::Id(id) => format!("id {id}"),
        Query::Either(reference, id) => format!("{} or id {id}", reference.canonical()),
    }
}

/// `TestParseAnyReference` of `normalize_test.go` of the distribution project; a bare hex word may here be an ID too.
#[test]
fn as_the_distribution_project_reads_any_reference() {
    let check = |text: &str, expect: &str| assert_eq!(read(text), expect);
    let hex = "dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9c";
    check("redis", "docker.io/library/redis");
    check("redis:latest", "docker.io/library/redis:latest");
    check("docker.io/library/redis:latest", "docker.io/library/redis:latest");
    check(&format!("redis@sha256:{hex}"), &format!("docker.io/library/redis@sha256:{hex}"));
    check(&format!("dmcgowan/myapp@sha256:{hex}"), &format!("docker.io/dmcgowan/myapp@sha256:{hex}"));
    check("dmcgowan/myapp:latest", "docker.io/dmcgowan/myapp:latest");
    check(hex, &format!("id {hex}"));
    check(&format!("sha256:{hex}"), &format!("id {hex}"));
    check(&hex[..63], &format!("docker.io/library/{0} or id {0}", &hex[..63]));
    check("dbcc1", "docker.io/library/dbcc1 or id dbcc1");
}

#[test]
fn names_and_the_beginnings_of_ids() {
    let check = |text: &str, expect: &str| assert_eq!(read(text), expect);
    check("8", "docker.io/library/8 or id 8");
    check("82e97ab03902", "docker.io/library/82e97ab03902 or id 82e97ab03902");
    check("sha256:8", "id 8");
    check("cafe:1", "docker.io/library/cafe:1");
    check("cafe/beef", "docker.io/cafe/beef");
    check("sha256", "docker.io/library/sha256");
    check("sha256:xyz", "docker.io/library/sha256:xyz");
    check("sha256:AB", "docker.io/library/sha256:AB");
    check(&"a".repeat(65), &format!("docker.io/library/{}", "a".repeat(65)));
}

#[test]
fn what_is_neither() {
    let check = |text: &str, expect: &str| {
        let error = Query::parse(text).unwrap_err().to_string();
        assert!(error.contains(expect), "{text}: {error}");
    };
    check("", "no repository name");
    check("82E9", "must be lowercase");
    check("nginx@sha256:82e9", "no digest");
    check("sha256:", "tag ()");
    check("-rf", "(-rf)");
    check("../../etc/passwd", "(..)");
}
