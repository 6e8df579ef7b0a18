use super::*;

/// Cases and results of `src/path/match_test.go` of Go.
#[test]
fn as_go_matches_paths() {
    let check = |pattern: &str, text: &str, expect: bool| {
        assert_eq!(Pattern::parse(pattern).unwrap().matches_text(text), expect, "{pattern} {text}");
    };
    check("abc", "abc", true);
    check("*", "abc", true);
    check("*c", "abc", true);
    check("a*", "a", true);
    check("a*", "abc", true);
    check("a*", "ab/c", false);
    check("a*/b", "abc/b", true);
    check("a*/b", "a/c/b", false);
    check("a*b*c*d*e*/f", "axbxcxdxe/f", true);
    check("a*b*c*d*e*/f", "axbxcxdxexxx/f", true);
    check("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false);
    check("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false);
    check("a*b?c*x", "abxbbxdbxebxczzx", true);
    check("a*b?c*x", "abxbbxdbxebxczzy", false);
    check("ab[c]", "abc", true);
    check("ab[b-d]", "abc", true);
    check("ab[e-g]", "abc", false);
    check("ab[^c]", "abc", false);
    check("ab[^b-d]", "abc", false);
    check("ab[^e-g]", "abc", true);
    check("a\\*b", "a*b", true);
    check("a\\*b", "ab", false);
    check("a?b", "a☺b", true);
    check("a[^a]b", "a☺b", true);
    check("a???b", "a☺b", false);
    check("a[^a][^a][^a]b", "a☺b", false);
    check("[a-ζ]*", "α", true);
    check("*[a-ζ]", "A", false);
    check("a?b", "a/b", false);
    check("a*b", "a/b", false);
    check("[\\]a]", "]", true);
    check("[\\-]", "-", true);
    check("[x\\-]", "x", true);
    check("[x\\-]", "-", true);
    check("[x\\-]", "z", false);
    check("[\\-x]", "x", true);
    check("[\\-x]", "-", true);
    check("[\\-x]", "a", false);
    check("*x", "xxx", true);
}

/// The malformed ones of the same file.
#[test]
fn as_go_refuses_patterns() {
    for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "a/b["] {
        let error = Pattern::parse(pattern).unwrap_err();
        assert!(matches!(error, ReferenceError::Pattern { .. }), "{pattern}");
        assert!(error.to_string().starts_with("syntax error in pattern"));
    }
}

/// `TestMatch` of `normalize_test.go` of the distribution project.
#[test]
fn as_docker_filters_references() {
    let check = |reference: &str, pattern: &str, expect: bool| {
        let reference = Reference::parse(reference).unwrap();
        let matched = Pattern::parse(pattern).unwrap().matches(&reference);
        assert_eq!(matched, expect, "{reference} {pattern}");
    };
    check("foo", "foo/**/ba[rz]", false);
    check("foo/any/bat", "foo/**/ba[rz]", false);
    check("foo/a/bar", "foo/**/ba[rz]", true);
    check("foo/b/baz", "foo/**/ba[rz]", true);
    check("foo/c/baz:tag", "foo/**/ba[rz]", true);
    check("foo/c/baz:tag", "foo/*/baz:tag", true);
    check("foo/c/baz:tag", "foo/c/baz:tag", true);
    check("example.com/foo/c/baz:tag", "*/foo/c/baz", true);
    check("example.com/foo/c/baz:tag", "example.com/foo/c/baz", true);
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let pattern = Pattern::parse(&("*a".repeat(2000) + "b")).unwrap();
    assert!(!pattern.matches_text(&"a".repeat(4000)));
}
