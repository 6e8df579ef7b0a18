use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;

/// What Docker's client 28.2.2 printed, or said on stderr, for `docker image inspect -f TEMPLATE` of the two
/// documents beside it, which it was served as by an engine of API 1.50: `=== NAME TEMPLATE`, then the answer.
/// (Addresses are made equal: they differ from run to run.)
const ANSWERS: &str = include_str!("tests/answers.txt");
/// What we print instead, and why: lines that begin with `###`.
const DIFFERENCES: &str = include_str!("tests/differences.txt");
const FULL: &str = include_str!("tests/full.json");
const PLAIN: &str = include_str!("tests/plain.json");

fn answers(file: &str) -> BTreeMap<&str, &str> {
    let answers = file.split("=== ").skip(1).map(|entry| {
        let (question, answer) = entry.split_once('\n').unwrap();
        let answer = answer.split("###").next().unwrap();
        (question, answer.strip_suffix('\n').unwrap())
    });
    answers.collect()
}

fn inspect(document: &Json, template: &str) -> Result<String, TemplateError> {
    Template::parse(template)?.render(&Data::document(document, &IMAGE))
}

#[test]
fn answers_as_docker_does() {
    let documents: BTreeMap<&str, Json> = [("full", FULL), ("plain", PLAIN)]
        .map(|(name, text)| (name, serde_json::from_str(text).unwrap()))
        .into();
    let (docker, differences) = (answers(ANSWERS), answers(DIFFERENCES));
    assert!(differences.keys().all(|question| docker.contains_key(question)), "a difference to nothing");
    let mut wrong = String::new();
    for (question, docker) in docker {
        let (name, template) = question.split_once(' ').unwrap();
        let given = inspect(&documents[name], template).unwrap_or_else(|error| error.to_string());
        assert_ne!(differences.get(question), Some(&docker), "{question} does not differ from Docker");
        let expect = differences.get(question).unwrap_or(&docker);
        if given != **expect {
            wrong += &format!("=== {question}\n{given}\n");
        }
    }
    assert!(wrong.is_empty(), "what differs, and is not said to:\n{wrong}");
}

#[test]
fn limits_hold() {
    let document = json!({"Os": "x".repeat(1000), "Config": {"Env": vec!["A=1"; 2000]}});
    let check = |template: &str, expect: &str| {
        let error = inspect(&document, template).unwrap_err();
        assert!(matches!(error, TemplateError::Execute(_)), "{template}");
        assert!(error.to_string().contains(expect), "{template}: {error}");
    };
    let thousand = "{{range .Config.Env}}{{range $.Config.Env}}{{end}}{{end}}";
    check(thousand, "the render would run more than the 1000000 iterations allowed");
    check(
        "{{range 1000}}{{range 1000}}{{$.Os}}{{end}}{{end}}",
        "the render would write more than the 16777216 bytes allowed",
    );
    check(r#"{{pad "x" 99999999 99999999}}"#, "error calling pad");
    check(r#"{{printf "%.70000g" 1.5}}"#, "error calling printf");
    check(r#"{{printf "%.*f" 70000 1.5}}"#, "error calling printf");
    check(r#"{{printf "%.99999999999999999999g" 1.5}}"#, "error calling printf");
    check(r#"{{$s := .Os}}{{range 40}}{{$s = print $s $s}}{{end}}"#, "larger than the 16777216 allowed");
    check(r#"{{define "r"}}{{template "r" .}}{{end}}{{template "r" .}}"#, "maximum template nesting depth");
}

#[test]
fn no_step_takes_as_long_as_it_likes() {
    let document = json!({"Config": {"Labels": {"large": "x".repeat(1 << 20)}}});
    let slow = "{{range 10000}}{{$x := json $.Config.Labels}}{{end}}";
    let template = Template::within(Duration::from_millis(100), slow).unwrap();
    let error = template.render(&Data::document(&document, &IMAGE)).unwrap_err();
    assert!(error.to_string().contains("did not finish within 100ms"), "{error}");
}

#[test]
fn data_is_never_read_as_a_template() {
    let document = json!({"Os": "{{.ID}}", "Config": {"Labels": {"{{.ID}}": "}}"}}});
    let check = |template: &str, expect: &str| assert_eq!(inspect(&document, template).unwrap(), expect);
    check("{{.Os}}", "{{.ID}}");
    check("{{.Config.Labels}}", "map[{{.ID}}:}}]");
    check(r#"{{index .Config.Labels "{{.ID}}"}}"#, "}}");
}

#[test]
fn an_image_cannot_forge_what_prints() {
    // Keys by which values of known type carry their text.
    let document =
        json!({"\0text": "forged", "\0json": "forged", "Config": {"Labels": {"\0text": "forged"}}});
    let check = |template: &str, expect: &str| {
        assert_eq!(inspect(&document, template).unwrap(), expect, "{template}");
    };
    check("{{.Config.Labels}}", "map[\0text:forged]");
    check("{{json .Config.Labels}}", r#"{"\u0000text":"forged"}"#);
    check(
        "{{with .Config}}{{range $k, $v := .}}{{$k}}={{json $v}}{{end}}{{end}}",
        r#"Labels={"\u0000text":"forged"}"#,
    );
}

#[test]
fn silly_documents_do_no_harm() {
    let check = |document: Json, template: &str, expect: &str| {
        assert_eq!(inspect(&document, template).unwrap(), expect, "{template} of {document}");
    };
    check(json!(null), "{{.ID}}|{{.Size}}|{{.RepoTags}}|{{.Config}}", "|0|[]|<nil>");
    check(json!([1]), "{{.Os}}", "");
    check(
        json!({"Id": 7, "Size": "big", "RepoTags": "x", "Config": []}),
        "{{.ID}}|{{.Size}}|{{.RepoTags}}|{{.Config}}",
        "|0|[]|<nil>",
    );
    check(
        json!({"Config": {"Env": [1, null, "a"], "Labels": {"a": 1}}}),
        "{{json .Config.Env}}{{.Config.Labels}}",
        r#"["","","a"]map[a:]"#,
    );
    check(
        json!({"Metadata": {"LastTagTime": "99999-01-01T00:00:00Z"}}),
        "{{json .Metadata.LastTagTime}}",
        r#""99999-01-01T00:00:00Z""#,
    );
    check(json!({"Size": u64::MAX}), "{{.Size}} {{json .Size}}", "18446744073709551615 18446744073709551615");
    check(json!({"Size": -5}), "{{.Size}}", "-5");
}

fn image(id: &str, repository: &str, tag: &str, created: &str, size: &str) -> Data<'static> {
    let age = if created.starts_with("0001") { "" } else { "2 days ago" };
    let fields = [
        ("ID", id),
        ("Repository", repository),
        ("Tag", tag),
        ("Digest", "<none>"),
        ("CreatedSince", age),
        ("CreatedAt", created),
        ("Size", size),
    ];
    Data::row(fields.map(|(name, value)| (name, value.to_owned())))
}

fn images(format: &str) -> Result<String, TemplateError> {
    Listing::parse(format, &IMAGES)?.render([
        image("f3c5d0abb693", "tomcat", "jre17", "2026-11-23 23:47:14 +0000 UTC", "1.19GB"),
        image(
            "0123456789ab",
            "reg.example:5000/some/where/java",
            "17",
            "0001-01-01 00:00:00 +0000 UTC",
            "4.1kB",
        ),
        image("aaaa456789ab", "<none>", "<none>", "0001-01-01 00:00:00 +0000 UTC", "0B"),
    ])
}

#[test]
fn listings_as_docker_prints_them() {
    // `docker images --format FORMAT` of the client 28.2.2 printed these, for the same images.
    let check = |format: &str, expect: &str| assert_eq!(images(format).unwrap(), expect, "{format}");
    check(
        "table",
        "REPOSITORY                         TAG       IMAGE ID       CREATED      SIZE\n\
         tomcat                             jre17     f3c5d0abb693   2 days ago   1.19GB\n\
         reg.example:5000/some/where/java   17        0123456789ab   N/A          4.1kB\n\
         <none>                             <none>    aaaa456789ab   N/A          0B\n",
    );
    check(
        r"table {{.Repository}}\t{{.Tag}}\t{{.Size}}",
        "REPOSITORY                         TAG       SIZE\n\
         tomcat                             jre17     1.19GB\n\
         reg.example:5000/some/where/java   17        4.1kB\n\
         <none>                             <none>    0B\n",
    );
    check(
        r"table {{upper .Repository}}\t{{lower .Tag}}\t{{json .Size}}\t{{truncate .ID 4}}\t{{pad .Tag 2 2}}",
        concat!(
            "REPOSITORY                         TAG       SIZE       IMAGE ID     TAG  \n",
            "TOMCAT                             jre17     \"1.19GB\"   f3c5         jre17  \n",
            "REG.EXAMPLE:5000/SOME/WHERE/JAVA   17        \"4.1kB\"    0123         17  \n",
            "<NONE>                             <none>    \"0B\"       aaaa         <none>  \n",
        ),
    );
    check(
        r#"table {{if .CreatedSince}}x{{else}}N/A{{end}}\t{{.Repository | printf "%-10s"}}\t{{len .Tag}}"#,
        "x         REPOSITORY                         3\n\
         x         tomcat                             5\n\
         N/A       reg.example:5000/some/where/java   2\n\
         N/A       <none>                             6\n",
    );
    check(
        "table {{.ID}}: {{.Tag}}",
        "IMAGE ID: TAG\nf3c5d0abb693: jre17\n0123456789ab: 17\naaaa456789ab: <none>\n",
    );
    check("tableau {{.ID}}", "au IMAGE ID\nau f3c5d0abb693\nau 0123456789ab\nau aaaa456789ab\n");
    check(" {{.ID}} ", "f3c5d0abb693\n0123456789ab\naaaa456789ab\n");
    check(r"{{.Tag}}\t{{.ID}}\n", "jre17\tf3c5d0abb693\n\n17\t0123456789ab\n\n<none>\taaaa456789ab\n\n");
    let json = images("json").unwrap();
    let first = r#"{"CreatedAt":"2026-11-23 23:47:14 +0000 UTC","CreatedSince":"2 days ago","Digest":"\u003cnone\u003e","ID":"f3c5d0abb693","Repository":"tomcat","Size":"1.19GB","Tag":"jre17"}"#;
    assert_eq!((json.lines().next(), json.lines().count()), (Some(first), 3));
    // A heading is a string to `json`, which a whole row is not: Docker's heading is empty as well.
    assert_eq!(images("table {{json .}}").unwrap(), format!("\n{json}"));
}

#[test]
fn listings_name_what_is_missing() {
    let check =
        |format: &str, expect: &str| assert_eq!(images(format).unwrap_err().to_string(), expect, "{format}");
    check(
        "{{.Foo}}",
        r#"template parsing error: template: :1:2: executing "" at <.Foo>: can't evaluate field Foo"#,
    );
    check(
        "table {{.Foo}}",
        r#"template parsing error: template: :1:2: executing "" at <.Foo>: can't evaluate field Foo"#,
    );
    check(r"table {{.ID}}\t{{.Foo", "template parsing error: template: :1: unclosed action");
    check(
        "{{range .Repository}}{{end}}",
        r#"template parsing error: template: :1:8: executing "" at <.Repository>: range can't iterate over tomcat"#,
    );
    assert!(matches!(Listing::parse("{{", &IMAGES), Err(TemplateError::Parse(_))));
}

#[test]
fn empty_listings() {
    let render = |format: &str| Listing::parse(format, &IMAGES).unwrap().render([]).unwrap();
    assert_eq!(render("table"), "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");
    assert_eq!((render("json"), render("{{.ID}}")), (String::new(), String::new()));
}

#[test]
fn history_as_docker_prints_it() {
    // `docker history --human=false` of the client 28.2.2 printed this.
    let row = |id: &str, at: &str, by: &str, size: &str, comment: &str| {
        let fields = [("ID", id), ("CreatedAt", at), ("CreatedBy", by), ("Size", size), ("Comment", comment)];
        Data::row(fields.map(|(name, value)| (name, value.to_owned())))
    };
    let rows = [
        row("f3c5d0abb693", "2026-11-23T23:47:14Z", "/bin/sh -c #(nop)  CMD [\"sh\"]", "0", ""),
        row(
            "<missing>",
            "1970-01-01T00:00:00Z",
            "RUN a b && echo 0123456789 0123456789 012345…",
            "14450391",
            "日本語 <c>",
        ),
    ];
    let expect = concat!(
        "IMAGE          CREATED AT             CREATED BY                                      SIZE       COMMENT\n",
        "f3c5d0abb693   2026-11-23T23:47:14Z   /bin/sh -c #(nop)  CMD [\"sh\"]                   0          \n",
        "<missing>      1970-01-01T00:00:00Z   RUN a b && echo 0123456789 0123456789 012345…   14450391   日本語 <c>\n",
    );
    assert_eq!(Listing::parse("table", &HISTORY_PLAIN).unwrap().render(rows).unwrap(), expect);
}

#[test]
#[ignore = "a measurement: cargo test --release -p ply-cli -- --ignored --nocapture speed"]
fn speed() {
    let document: Json = serde_json::from_str(FULL).unwrap();
    let started = std::time::Instant::now();
    for _ in 0..1000 {
        inspect(&document, "{{.Id}}").unwrap();
    }
    println!("inspect -f '{{{{.Id}}}}': {:?} each", started.elapsed() / 1000);
    let started = std::time::Instant::now();
    for _ in 0..1000 {
        inspect(&document, "{{.ID}}").unwrap();
    }
    println!("inspect -f '{{{{.ID}}}}': {:?} each", started.elapsed() / 1000);
    let rows = (0..10_000)
        .map(|n| image(&format!("{n:012}"), "tomcat", "jre17", "2026-11-23 23:47:14 +0000 UTC", "1.19GB"));
    let rows: Vec<_> = rows.collect();
    let started = std::time::Instant::now();
    Listing::parse("table", &IMAGES).unwrap().render(rows).unwrap();
    println!("a table of 10,000 rows: {:?}", started.elapsed());
}
