//! Cases and results of `regexp_test.go` of the distribution project.

use super::*;

#[test]
fn domains() {
    let check = |text: &str, expect: bool| assert_eq!(is_domain(text), expect, "{text}");
    check("test.com", true);
    check("test.com:10304", true);
    check("test.com:http", false);
    check("localhost", true);
    check("localhost:8080", true);
    check("a", true);
    check("a.b", true);
    check("ab.cd.com", true);
    check("a-b.com", true);
    check("-ab.com", false);
    check("ab-.com", false);
    check("ab.c-om", true);
    check("ab.-com", false);
    check("ab.com-", false);
    check("0101.com", true);
    check("001a.com", true);
    check("b.gbc.io:443", true);
    check("b.gbc.io", true);
    check("xn--n3h.com", true);
    check("Asdf.com", true);
    check("192.168.1.1:75050", true);
    check("192.168.1.1:750050", true);
    check("[fd00:1:2::3]:75050", true);
    check("[fd00:1:2::3]75050", false);
    check("[fd00:1:2::3]::75050", false);
    check("[fd00:1:2::3%eth0]:75050", false);
    check("[fd00123123123]:75050", true);
    check("[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:75050", true);
    check("[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:750505", true);
    check("fd00:1:2::3:75050", false);
}

/// From the pattern itself: `\[(?:[a-fA-F0-9:]+)\]` and `(?::[0-9]+)?`.
#[test]
fn domains_at_the_edges() {
    let check = |text: &str, expect: bool| assert_eq!(is_domain(text), expect, "{text}");
    check("", false);
    check(":", false);
    check(":80", false);
    check("a:", false);
    check("a.", false);
    check(".a", false);
    check("a..b", false);
    check("[]", false);
    check("[]:80", false);
    check("[::1", false);
    check("[::1]:", false);
    check("[::1]", true);
    check("[:]", true);
    check("[g]", false);
    check("a_b", false);
    check("☃.com", false);
}

#[test]
fn path_components() {
    let check = |text: &str, expect: bool| assert_eq!(is_path_component(text), expect, "{text}");
    check("short", true);
    check("a", true);
    check("0", true);
    check("foo.com", true);
    check("foo_bar.com", true);
    check("aa-a", true);
    check("some_separator__underscore", true);
    check("project--id.module--name.ver---sion--name", true);
    check("xn--7o8h.com", true);
    check("do__cker", true);
    check("", false);
    check("a^a", false);
    check("asdf$$^", false);
    check("a-", false);
    check("-foo", false);
    check("_foo", false);
    check("docker_", false);
    check("____", false);
    check("__underscore", false);
    check("..dots", false);
    check(".dots", false);
    check("nodouble..dots", false);
    check("docker.", false);
    check("FarB", false);
    check("dock_.er", false);
    check("dock-.er", false);
    check("do___cker", false);
    check("a b", false);
    check("é", false);
}

#[test]
fn identifiers() {
    let check = |text: &str, expect: bool| assert_eq!(is_identifier(text), expect, "{text}");
    check("da304e823d8ca2b9d863a3c897baeb852ba21ea9a9f1414736394ae7fcaf9821", true);
    check("7EC43B381E5AEFE6E04EFB0B3F0693FF2A4A50652D64AEC573905F2DB5889A1C", false);
    check("da304e823d8ca2b9d863a3c897baeb852ba21ea9a9f1414736394ae7fcaf", false);
    check("sha256:da304e823d8ca2b9d863a3c897baeb852ba21ea9a9f1414736394ae7fcaf9821", false);
    check("da304e823d8ca2b9d863a3c897baeb852ba21ea9a9f1414736394ae7fcaf98218482", false);
}

/// From the pattern itself: `[\w][\w.-]{0,127}`, where `\w` is ASCII.
#[test]
fn tags() {
    let check = |text: &str, expect: bool| assert_eq!(is_tag(text), expect, "{text}");
    check("latest", true);
    check("1", true);
    check("_", true);
    check("V1.0-rc_2..--", true);
    check(&"a".repeat(128), true);
    check(&"a".repeat(129), false);
    check("", false);
    check("-foo", false);
    check(".foo", false);
    check("invalid~tag", false);
    check("a:b", false);
    check("a/b", false);
    check("a b", false);
    check("a\n", false);
    check("é", false);
}
