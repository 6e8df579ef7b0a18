//! The cases of the distribution project's own tests, `reference_test.go` and `normalize_test.go`.

use ply_reference::{Name, Reference, ReferenceError, Tag};

const FFFF: &str = "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

/// `TestReferenceParse`, what is valid there, with the default host and namespace filled in.
#[test]
fn references() {
    let check = |text: &str, domain: &str, path: &str, tag: Option<&str>, digest: Option<&str>| {
        let reference = Reference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(reference.name().domain(), domain, "{text}");
        assert_eq!(reference.name().path(), path, "{text}");
        assert_eq!(reference.tag().map(Tag::as_str), tag, "{text}");
        assert_eq!(reference.digest().map(ToString::to_string).as_deref(), digest, "{text}");
    };
    let digested = |name: &str| format!("{name}@{FFFF}");
    let (hub, six, a255) = ("docker.io", "[2001:db8::1]:5000", "a".repeat(255));

    check("test_com", hub, "library/test_com", None, None);
    check("test.com:tag", hub, "library/test.com", Some("tag"), None);
    check("test.com:5000", hub, "library/test.com", Some("5000"), None);
    check("test.com/repo:tag", "test.com", "repo", Some("tag"), None);
    check("test:5000/repo", "test:5000", "repo", None, None);
    check("test:5000/repo:tag", "test:5000", "repo", Some("tag"), None);
    check(&digested("test:5000/repo"), "test:5000", "repo", None, Some(FFFF));
    check(&digested("test:5000/repo:tag"), "test:5000", "repo", Some("tag"), Some(FFFF));
    check("lowercase:Uppercase", hub, "library/lowercase", Some("Uppercase"), None);
    check("sub-dom1.foo.com/bar/baz/quux", "sub-dom1.foo.com", "bar/baz/quux", None, None);
    check(
        "sub-dom1.foo.com/bar/baz/quux:long-tag",
        "sub-dom1.foo.com",
        "bar/baz/quux",
        Some("long-tag"),
        None,
    );
    check(
        "b.gcr.io/test.example.com/my-app:test.example.com",
        "b.gcr.io",
        "test.example.com/my-app",
        Some("test.example.com"),
        None,
    );
    check("xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", Some("xn--n3h.com"), None);
    check("foo_bar.com:8080", hub, "library/foo_bar.com", Some("8080"), None);
    check("foo/foo_bar.com:8080", hub, "foo/foo_bar.com", Some("8080"), None);
    check("192.168.1.1", hub, "library/192.168.1.1", None, None);
    check("192.168.1.1:tag", hub, "library/192.168.1.1", Some("tag"), None);
    check("192.168.1.1:5000", hub, "library/192.168.1.1", Some("5000"), None);
    check("192.168.1.1/repo", "192.168.1.1", "repo", None, None);
    check("192.168.1.1:5000/repo", "192.168.1.1:5000", "repo", None, None);
    check("192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", Some("5050"), None);
    check("[2001:db8::1]/repo", "[2001:db8::1]", "repo", None, None);
    check("[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "repo", Some("tag"), None);
    check("[2001:db8::1]:5000/repo", six, "repo", None, None);
    check("[2001:db8::1]:5000/repo:tag", six, "repo", Some("tag"), None);
    check(&digested("[2001:db8::1]:5000/repo"), six, "repo", None, Some(FFFF));
    check(&digested("[2001:db8::1]:5000/repo:tag"), six, "repo", Some("tag"), Some(FFFF));
    check("[2001:db8::]:5000/repo", "[2001:db8::]:5000", "repo", None, None);
    check("[::1]:5000/repo", "[::1]:5000", "repo", None, None);
    check(&format!("example.com/{a255}:tag"), "example.com", &a255, Some("tag"), None);
    // `TestReferenceRegexp`: without a slash, what follows the colon is a tag.
    check(&digested("localhost:8080"), hub, "library/localhost", Some("8080"), Some(FFFF));
    check(&digested("localhost:8080/name"), "localhost:8080", "name", None, Some(FFFF));
    check(&digested("localhost"), hub, "library/localhost", None, Some(FFFF));
}

/// What those tests refuse, and the rule that we say was broken.
#[test]
fn refused() {
    let check = |text: &str, rule: &str| {
        let error = Reference::parse(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        let variant = format!("{error:?}");
        assert_eq!(variant.split([' ', '(']).next(), Some(rule), "{text}: {error}");
    };
    let a256 = "a".repeat(256);
    let hex = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a";

    check("", "Empty");
    check(":justtag", "Empty");
    check(&format!("@{FFFF}"), "Empty");
    check("repo@sha256:ffffffffffffffffffffffffffffffffff", "Digest");
    check(&FFFF.replace("sha256", "validname@invaliddigest"), "Digest");
    check("registry.com:8080/myapp@bad", "Digest");
    check("registry.com:8080/myapp@2bad", "Digest");
    check("registry.com:8080/myapp@sha256:badbadbadbad", "Digest");
    // They know SHA-512 too.
    check(&format!("xn--7o8h.com/myimage:xn--7o8h.com@sha512:{}", "f".repeat(128)), "Digest");
    check("Uppercase:tag", "UpperCase");
    check("test:5000/Uppercase/lowercase:tag", "UpperCase");
    check("docker/Docker", "UpperCase");
    check("docker.io/docker/Docker", "UpperCase");
    check("Foo/FarB", "UpperCase");
    check(&format!("domain/{a256}:tag"), "TooLong");
    check(&format!("example.com/{a256}"), "TooLong");
    check(
        &format!("{}/docker", "this_is_not_a_valid_namespace_because_it_is_too_long_".repeat(5) + "x"),
        "TooLong",
    );
    check("aa/asdf$$^/aa", "Component");
    check("asdf$$^/aa", "Component");
    check("[2001:db8::1]", "Component");
    check("[2001:db8::1]:5000", "Component");
    check("[2001:db8::1]:tag", "Component");
    check("[fc00::1]", "Component");
    check("[fe80::1%eth0]:5000/repo", "Domain");
    check("[fe80::1%@invalidzone]:5000/repo", "Component");
    check("[2001:db8:3:4::192.0.2.33]:5000/debian", "Domain");
    check("fc00::1:5000/debian", "Domain");
    check("bad_hostname.com:8080/myapp:tag", "Domain");
    check("do__cker:8080/docker", "Domain");
    check("foo.com:http/bar", "Domain");
    check("-docker.io/docker/docker", "Domain");
    check("docker./docker", "Domain");
    check(".docker/docker", "Domain");
    check("do..cker/docker", "Domain");
    check("dock_.er/docker", "Domain");
    check("https://github.com/docker/docker", "Url");
    check("-docker", "Component");
    check("-docker/docker", "Component");
    check("docker-/docker", "Component");
    check("-docker-/docker", "Component");
    check("docker///docker", "Component");
    check("docker.io/docker///docker", "Component");
    check("a/a/a/a/", "Component");
    check("a//a/a", "Component");
    check("docker/", "Component");
    check("foo.com/", "Component");
    check("____/____", "Component");
    check("_docker/_docker", "Component");
    check("dock-.er", "Component");
    check("example.com/nodouble..dots/myimage", "Component");
    check("registry.com:8080/myapp:invalid~tag", "Tag");
    check(&format!("nginx:{}", "a".repeat(129)), "Tag");
    check("busybox:-foo", "Tag");
    check(hex, "LooksLikeId");
}

/// `TestValidateReferenceName` and `TestValidateRemoteName`, what is valid there.
#[test]
fn repository_names() {
    for text in [
        "docker/docker",
        "library/debian",
        "debian",
        "docker.io/docker/docker",
        "docker.io/debian",
        "index.docker.io/docker/docker",
        "127.0.0.1:5000/docker/docker",
        "127.0.0.1:5000/debian",
        "192.168.0.1",
        "192.168.0.1:80",
        "192.168.0.1:8/debian",
        "192.168.0.2:25000/debian",
        "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev",
        "[fc00::1]:5000/docker",
        "[fc00::1]:5000/docker/docker",
        "[fc00:1:2:3:4:5:6:7]:5000/library/debian",
        "docker.io/1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a",
        "Docker/docker",
        "DOCKER/docker",
        "docker-rules/docker",
        "docker---rules/docker",
        "doc/docker",
        "d/docker",
        "jess/t",
        "dock__er/docker",
    ] {
        assert!(Reference::parse(text).is_ok(), "{text}");
    }
}

/// `TestParseRepositoryInfo` and `TestNormalizedSplitHostname`: path, familiar and full name; all forms are one name.
#[test]
fn forms_of_a_name() {
    let check = |domain: &str, path: &str, familiar: &str, full: &str, other: &str| {
        for text in [familiar, full, if other.is_empty() { full } else { other }] {
            let name = Name::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(name.domain(), domain, "{text}");
            assert_eq!(name.path(), path, "{text}");
            assert_eq!(name.familiar(), familiar, "{text}");
            assert_eq!(name.canonical(), full, "{text}");
        }
    };
    check("docker.io", "fooo/bar", "fooo/bar", "docker.io/fooo/bar", "index.docker.io/fooo/bar");
    check("docker.io", "library/ubuntu", "ubuntu", "docker.io/library/ubuntu", "library/ubuntu");
    check("docker.io", "nonlibrary/ubuntu", "nonlibrary/ubuntu", "docker.io/nonlibrary/ubuntu", "");
    check("docker.io", "other/library", "other/library", "docker.io/other/library", "");
    let local = "127.0.0.1:8000/private/moonbase";
    check("127.0.0.1:8000", "private/moonbase", local, local, "");
    check("127.0.0.1:8000", "privatebase", "127.0.0.1:8000/privatebase", "127.0.0.1:8000/privatebase", "");
    check("example.com", "privatebase", "example.com/privatebase", "example.com/privatebase", "");
    check(
        "example.com:8000",
        "privatebasee",
        "example.com:8000/privatebasee",
        "example.com:8000/privatebasee",
        "",
    );
    let base = "library/ubuntu-12.04-base";
    check(
        "docker.io",
        base,
        "ubuntu-12.04-base",
        "docker.io/library/ubuntu-12.04-base",
        &format!("index.docker.io/{base}"),
    );
    check("docker.io", "library/foo", "foo", "docker.io/library/foo", "docker.io/foo");
    check("docker.io", "library/foo/bar", "library/foo/bar", "docker.io/library/foo/bar", "");
    check("docker.io", "store/foo/bar", "store/foo/bar", "docker.io/store/foo/bar", "");
    check("Foo", "bar", "Foo/bar", "Foo/bar", "");
    check("FOO", "bar", "FOO/bar", "FOO/bar", "");
    check("docker.io", "test_com/foo", "test_com/foo", "docker.io/test_com/foo", "");
    check("test-com:8080", "foo", "test-com:8080/foo", "test-com:8080/foo", "");
    // `TestFullNameRegexp`: a host has no underscore, so that this name has none.
    check("", "foo_bar.com/app", "foo_bar.com/app", "foo_bar.com/app", "");
}

/// `TestParseDockerRef`, less its last row: there Docker drops the tag beside a digest, and we keep it.
#[test]
fn the_default_tag() {
    let check = |text: &str, expect: &str| {
        assert_eq!(Reference::parse(text).unwrap().with_default_tag().canonical(), expect);
    };
    let digest = "sha256:e6693c20186f837fc393390135d8a598a96a833917917789d63766cab6c59582";
    check("busybox", "docker.io/library/busybox:latest");
    check("busybox:latest", "docker.io/library/busybox:latest");
    check(&format!("busybox@{digest}"), &format!("docker.io/library/busybox@{digest}"));
    check("library/busybox", "docker.io/library/busybox:latest");
    check("docker.io/busybox", "docker.io/library/busybox:latest");
    check("docker.io/library/busybox", "docker.io/library/busybox:latest");
    check("docker.io/busybox:latest", "docker.io/library/busybox:latest");
    check("library/busybox:latest", "docker.io/library/busybox:latest");
    check("gcr.io/library/busybox", "gcr.io/library/busybox:latest");
    check(&format!("gcr.io/library/busybox:1@{digest}"), &format!("gcr.io/library/busybox:1@{digest}"));
}

/// `TestWithTag` and `TestWithDigest`.
#[test]
fn parts_put_together() {
    let check = |text: &str, tag: &str, digest: Option<&str>, expect: &str| {
        let mut reference = Reference::parse(text).unwrap().with_tag(Tag::parse(tag).unwrap());
        if let Some(digest) = digest {
            reference = reference.with_digest(digest.parse().unwrap());
        }
        assert_eq!(reference.familiar(), expect);
        assert_eq!(reference.without_tag().without_digest(), Reference::parse(text).unwrap());
    };
    check("test.com/foo", "tag", None, "test.com/foo:tag");
    check("foo", "tag2", None, "foo:tag2");
    check("test.com:8000/foo", "TAG5", None, "test.com:8000/foo:TAG5");
    check("test.com:8000/foo", "TAG5", Some(FFFF), &format!("test.com:8000/foo:TAG5@{FFFF}"));
}

#[test]
fn a_name_is_bare() {
    for text in ["nginx:1", &format!("nginx@{FFFF}")] {
        assert!(matches!(Name::parse(text), Err(ReferenceError::NotBare { .. })), "{text}");
    }
}
