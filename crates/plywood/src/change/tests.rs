//! What is expected was seen from Docker Engine 20.10 (`docker import -c`), except where a comment says otherwise.

use ply_image::Platform;

use super::*;

/// How to run an image, after changes; or what is wrong with one.
fn changed(before: &str, changes: &[&str]) -> Result<String, String> {
    let parsed = changes.iter().map(|line| Change::parse(line)).collect::<Result<Vec<_>, _>>();
    let parsed: Vec<Change> = parsed.map_err(|e| e.to_string())?.into_iter().flatten().collect();
    let mut draft = Draft::fresh(&Platform::host()).unwrap();
    *draft.run_mut() = serde_json::from_str(before).unwrap();
    Change::apply(&parsed, &mut draft).map_err(|e| e.to_string())?;
    Ok(serde_json::to_string(draft.run()).unwrap())
}

fn check(changes: &[&str], expect: &str) {
    check_on("{}", changes, expect);
}

fn check_on(before: &str, changes: &[&str], expect: &str) {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let found = changed(before, changes).unwrap_or_else(|why| panic!("{changes:?}: {why}"));
    assert_eq!(json(&found), json(expect), "{changes:?}");
}

fn refused(changes: &[&str], expect: &str) {
    match changed("{}", changes) {
        Ok(found) => panic!("{changes:?} is not refused: {found}"),
        Err(why) => assert!(why.contains(expect), "{changes:?}: {why:?} does not say {expect:?}"),
    }
}

#[test]
fn commands() {
    check(&[r#"CMD ["a","b"]"#], r#"{"Cmd":["a","b"]}"#);
    check(&["CMD ['a']"], r#"{"Cmd":["/bin/sh","-c","['a']"]}"#);
    check(&[r#"CMD ["a",]"#], r#"{"Cmd":["/bin/sh","-c","[\"a\",]"]}"#);
    // BuildKit's parser today; the one of 20.10 dropped what came after the list.
    check(&[r#"CMD ["a"] b"#], r#"{"Cmd":["/bin/sh","-c","[\"a\"] b"]}"#);
    check(&[r#"CMD ["ä"]"#], r#"{"Cmd":["ä"]}"#);
    check(&["CMD []"], r#"{"Cmd":[]}"#);
    check(&["CMD"], r#"{"Cmd":["/bin/sh","-c"]}"#);
    check(&[r#"CMD echo "a  b"   c"#], r#"{"Cmd":["/bin/sh","-c","echo \"a  b\"   c"]}"#);
    check(&["cmd x"], r#"{"Cmd":["/bin/sh","-c","x"]}"#);
    check(&["  CMD   x   "], r#"{"Cmd":["/bin/sh","-c","x"]}"#);
    check(&["CMD\tx"], r#"{"Cmd":["/bin/sh","-c","x"]}"#);
    check(&["ENTRYPOINT e"], r#"{"Entrypoint":["/bin/sh","-c","e"]}"#);
    check(&["ENTRYPOINT []"], "{}");
    check(&["ENTRYPOINT"], "{}");
    check(&["CMD c", r#"ENTRYPOINT ["e"]"#], r#"{"Entrypoint":["e"],"Cmd":["/bin/sh","-c","c"]}"#);
    check(&[r#"ENTRYPOINT ["e"]"#, "CMD c"], r#"{"Entrypoint":["e"],"Cmd":["/bin/sh","-c","c"]}"#);
    // `docker build` on an image that has a command.
    check_on(r#"{"Cmd":["old"]}"#, &[r#"ENTRYPOINT ["e"]"#], r#"{"Entrypoint":["e"]}"#);
    check_on(r#"{"Entrypoint":["e"],"Cmd":["old"]}"#, &["CMD []"], r#"{"Entrypoint":["e"],"Cmd":[]}"#);
    // `docker build`, since 20.10 has no SHELL among its changes.
    check(&[r#"SHELL ["bash","-c"]"#, "CMD x"], r#"{"Shell":["bash","-c"],"Cmd":["bash","-c","x"]}"#);
    refused(&["CMD [1]"], "arrays must be comprised of strings only");
    refused(&["SHELL bash"], "SHELL requires the arguments to be in JSON form");
    refused(&["SHELL []"], "SHELL requires at least one argument");
}

#[test]
fn environment() {
    check(&[r#"ENV a=1 b="2 3" c=x\ y"#], r#"{"Env":["a=1","b=2 3","c=x y"]}"#);
    check(&["ENV a b  c "], r#"{"Env":["a=b  c"]}"#);
    check(&[r#"ENV a "x y"  z"#], r#"{"Env":["a=x y  z"]}"#);
    check(
        &["ENV a=1", "ENV a=2 b=$a c=${a}x d=${z:-q} e=${a:+w}"],
        r#"{"Env":["a=2","b=1","c=1x","d=q","e=w"]}"#,
    );
    check(&["ENV a='$b'"], r#"{"Env":["a=$b"]}"#);
    check(&[r#"ENV a="x\"y" b=\$c"#], r#"{"Env":["a=x\"y","b=$c"]}"#);
    check(&["ENV a=$"], r#"{"Env":["a=$"]}"#);
    check(&["ENV a=$1x"], r#"{"Env":["a=x"]}"#);
    check(&[r#"ENV "a b"=c"#], r#"{"Env":["a b=c"]}"#);
    check_on(r#"{"Env":["PATH=/bin","a=1"]}"#, &["ENV PATH=$PATH:/x"], r#"{"Env":["PATH=/bin:/x","a=1"]}"#);
    // BuildKit's lexer today; the one of 20.10 wanted the colon.
    check_on(r#"{"Env":["e="]}"#, &["ENV a=${e-x} b=${e:-x} c=${n+x}"], r#"{"Env":["e=","a=","b=x","c="]}"#);
    refused(&["ENV"], "ENV requires at least one argument");
    refused(&["ENV a"], "ENV must have two arguments");
    refused(&["ENV =x"], "ENV names can not be blank");
    refused(&["ENV a=1 b"], r#"can't find = in "b". Must be of the form: name=value"#);
    refused(&["ENV a='x"], "unexpected end of statement while looking for matching single-quote");
    refused(&[r#"ENV a="x"#], "unexpected end of statement while looking for matching double-quote");
    refused(&["ENV a=${"], "syntax error: missing '}'");
    refused(&["ENV a=${b"], "syntax error: missing '}'");
    refused(&["ENV a=${b:-c"], "syntax error: missing '}'");
    refused(&["ENV a=${}"], "syntax error: bad substitution");
    refused(&["ENV a=${b?}"], "b: is not allowed to be unset");
    refused(&["ENV a=${b:?no}"], "b: no");
    refused(&["ENV a=${b%x}"], "unsupported modifier (%) in substitution");
}

#[test]
fn labels() {
    check(&[r#"LABEL x=1 y="a b""#], r#"{"Labels":{"x":"1","y":"a b"}}"#);
    check(&["LABEL x y z"], r#"{"Labels":{"x":"y z"}}"#);
    check(&[r#"LABEL "com.example.x"="y""#], r#"{"Labels":{"com.example.x":"y"}}"#);
    check(&["LABEL x="], r#"{"Labels":{"x":""}}"#);
    check_on(r#"{"Labels":{"X":"1"}}"#, &["LABEL x=2"], r#"{"Labels":{"X":"1","x":"2"}}"#);
    refused(&["LABEL x"], "LABEL must have two arguments");
}

#[test]
fn ports() {
    check(
        &["EXPOSE 80 443/tcp 8000-8003/udp"],
        r#"{"ExposedPorts":{"443/tcp":{},"80/tcp":{},"8000/udp":{},"8001/udp":{},"8002/udp":{},"8003/udp":{}}}"#,
    );
    check(&["EXPOSE 80/UDP"], r#"{"ExposedPorts":{"80/udp":{}}}"#);
    check(&["EXPOSE 8080:80"], r#"{"ExposedPorts":{"80/tcp":{}}}"#);
    check(&[r#"ENV p="1 2""#, "EXPOSE $p"], r#"{"ExposedPorts":{"1/tcp":{},"2/tcp":{}},"Env":["p=1 2"]}"#);
    check(&["EXPOSE 0"], r#"{"ExposedPorts":{"0/tcp":{}}}"#);
    check(&["EXPOSE 80/"], r#"{"ExposedPorts":{"80/tcp":{}}}"#);
    check(&[r#"EXPOSE "80""#], r#"{"ExposedPorts":{"80/tcp":{}}}"#);
    check(&["EXPOSE 8000-8000"], r#"{"ExposedPorts":{"8000/tcp":{}}}"#);
    check(&["EXPOSE 080"], r#"{"ExposedPorts":{"80/tcp":{}}}"#);
    refused(&["EXPOSE 80/foo"], "Invalid proto: foo");
    refused(&["EXPOSE 70000"], "Invalid containerPort: 70000");
    refused(&["EXPOSE 9-7"], "Invalid containerPort: 9-7");
    refused(&["EXPOSE x"], "Invalid containerPort: x");
    refused(&["EXPOSE"], "EXPOSE requires at least one argument");
}

#[test]
fn single_values() {
    check(&["ONBUILD RUN x  y"], r#"{"OnBuild":["RUN x  y"]}"#);
    check(&["onbuild   copy a b", "ONBUILD bogus"], r#"{"OnBuild":["copy a b","bogus"]}"#);
    refused(&["ONBUILD FROM x"], "FROM isn't allowed as an ONBUILD trigger");
    refused(&["ONBUILD MAINTAINER x"], "MAINTAINER isn't allowed as an ONBUILD trigger");
    refused(&["ONBUILD ONBUILD x"], "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    refused(&["ONBUILD"], "ONBUILD requires at least one argument");

    check(&["USER me:us"], r#"{"User":"me:us"}"#);
    check(&["USER a b"], r#"{"User":"a b"}"#);
    check(&[r#"USER "a""#], r#"{"User":"a"}"#);
    refused(&["USER"], "USER requires exactly one argument");

    // `docker build`, since 20.10 has no STOPSIGNAL among its changes.
    check(&["STOPSIGNAL SIGTERM"], r#"{"StopSignal":"SIGTERM"}"#);
    check(&["STOPSIGNAL 9"], r#"{"StopSignal":"9"}"#);
    check(&["STOPSIGNAL rtmin+3"], r#"{"StopSignal":"rtmin+3"}"#);
    refused(&["STOPSIGNAL nonsense"], "Invalid signal: nonsense");
    refused(&["STOPSIGNAL 0"], "Invalid signal: 0");
    refused(&["STOPSIGNAL RTMIN+16"], "Invalid signal: RTMIN+16");
}

#[test]
fn folders() {
    check(&["VOLUME /a /b"], r#"{"Volumes":{"/a":{},"/b":{}}}"#);
    check(&[r#"VOLUME ["/a","/b c"]"#], r#"{"Volumes":{"/a":{},"/b c":{}}}"#);
    refused(&[r#"VOLUME "/a b""#], "unexpected end of statement while looking for matching double-quote");
    refused(&["VOLUME"], "VOLUME requires at least one argument");
    refused(&["VOLUME []"], "VOLUME requires at least one argument");
    refused(&[r#"VOLUME [""]"#], "VOLUME specified can not be an empty string");

    check(&["WORKDIR a"], r#"{"WorkingDir":"/a"}"#);
    check(&["WORKDIR /a", "WORKDIR b"], r#"{"WorkingDir":"/a/b"}"#);
    check(&["WORKDIR /a/../b/"], r#"{"WorkingDir":"/a/../b/"}"#);
    check(&["WORKDIR a b"], r#"{"WorkingDir":"/a b"}"#);
    check(&[r#"WORKDIR "/a b""#], r#"{"WorkingDir":"/a b"}"#);
    check(&["ENV h=/x", "WORKDIR $h/y", "WORKDIR ../.."], r#"{"Env":["h=/x"],"WorkingDir":"/"}"#);
    refused(&["WORKDIR"], "WORKDIR requires exactly one argument");
    refused(&[r#"WORKDIR """#], "cannot normalize nothing");
}

#[test]
fn health() {
    check(&["HEALTHCHECK NONE"], r#"{"Healthcheck":{"Test":["NONE"]}}"#);
    check(&["HEALTHCHECK --interval=1s NONE"], r#"{"Healthcheck":{"Test":["NONE"]}}"#);
    check(&["HEALTHCHECK CMD a b"], r#"{"Healthcheck":{"Test":["CMD-SHELL","a b"]}}"#);
    check(&[r#"HEALTHCHECK cmd ["a","b"]"#], r#"{"Healthcheck":{"Test":["CMD","a","b"]}}"#);
    check(
        &["HEALTHCHECK --interval=30s --timeout=1m30s --retries=3 --start-period=1.5s CMD x"],
        r#"{"Healthcheck":{"Test":["CMD-SHELL","x"],"Interval":30000000000,"Timeout":90000000000,"StartPeriod":1500000000,"Retries":3}}"#,
    );
    // BuildKit's parser today: 20.10 had no such flag, and took neither 0 nor no retries.
    check(
        &["HEALTHCHECK --start-interval=2s --interval=0 --retries=0 CMD x"],
        r#"{"Healthcheck":{"Test":["CMD-SHELL","x"],"StartInterval":2000000000}}"#,
    );
    refused(&["HEALTHCHECK"], "HEALTHCHECK requires at least one argument");
    refused(&["HEALTHCHECK none x"], "HEALTHCHECK NONE takes no arguments");
    refused(&["HEALTHCHECK CMD"], "Missing command after HEALTHCHECK CMD");
    refused(&["HEALTHCHECK CMD []"], "Missing command after HEALTHCHECK CMD");
    refused(&["HEALTHCHECK x"], r#"Unknown type "X" in HEALTHCHECK (try CMD)"#);
    refused(&["HEALTHCHECK --interval=1us CMD x"], r#"Interval "interval" cannot be less than 1ms"#);
    refused(&["HEALTHCHECK --interval=-1s CMD x"], r#"Interval "interval" cannot be less than 1ms"#);
    refused(&["HEALTHCHECK --interval=5 CMD x"], r#"time: missing unit in duration "5""#);
    refused(&["HEALTHCHECK --interval=5x CMD x"], r#"time: unknown unit "x" in duration "5x""#);
    refused(&["HEALTHCHECK --interval=99999999h CMD x"], "time: invalid duration");
    refused(&["HEALTHCHECK --interval=1s --interval=2s CMD x"], "uplicate flag specified: interval");
    refused(&["HEALTHCHECK --interval CMD x"], "issing a value on flag: interval");
    refused(&["HEALTHCHECK --bogus=1 CMD x"], "nknown flag: --bogus");
    refused(&["HEALTHCHECK --retries=x CMD x"], "--retries");
}

#[test]
fn lines_of_text() {
    check(&["ENV a=1\nENV b=2"], r#"{"Env":["a=1","b=2"]}"#);
    check(&["ENV a=1 \\\n b=2"], r#"{"Env":["a=1","b=2"]}"#);
    check(&["# a comment\n\nENV a=1 \\\n# another\n  b=2\n"], r#"{"Env":["a=1","b=2"]}"#);
    check(&["CMD x \\"], r#"{"Cmd":["/bin/sh","-c","x"]}"#);
    refused(&[""], "no instruction");
    refused(&["# c"], "no instruction");
    refused(&["RUN x"], "run is not a valid change command");
    refused(&["Bogus"], "bogus is not a valid change command");
    refused(&["FROM x"], "from is not a valid change command");
    refused(&["MAINTAINER x"], "maintainer is not a valid change command");
    refused(&["CMD --x y"], "nknown flag: --x");
    refused(&["ENV --x a=b"], "nknown flag: --x");
}

/// `docker commit -c` of a container whose image is run so.
#[test]
fn on_what_an_image_has() {
    let check = |changes: &[&str], key: &str, expect: &str| {
        let before = r#"{"User":"u","ExposedPorts":{"80/tcp":{}},"Env":["PATH=/bin","A=1"],"Entrypoint":["oldentry"],"Cmd":["old"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"x":"1"}}"#;
        let mut expected: Value = serde_json::from_str(before).unwrap();
        expected[key] = serde_json::from_str(expect).unwrap();
        if key == "Entrypoint" {
            expected.as_object_mut().unwrap().remove("Cmd");
        }
        check_on(before, changes, &expected.to_string());
    };
    check(&["ENV A=2 B=$A PATH=$PATH:/x"], "Env", r#"["PATH=/bin:/x","A=2","B=1"]"#);
    check(&[r#"ENTRYPOINT ["e"]"#], "Entrypoint", r#"["e"]"#);
    check(&["CMD c"], "Cmd", r#"["/bin/sh","-c","c"]"#);
    check(&["EXPOSE 81"], "ExposedPorts", r#"{"80/tcp":{},"81/tcp":{}}"#);
    check(&["LABEL y=2 x=3"], "Labels", r#"{"x":"3","y":"2"}"#);
    check(&["WORKDIR z"], "WorkingDir", r#""/w/z""#);
    check(&["VOLUME /v2"], "Volumes", r#"{"/v":{},"/v2":{}}"#);
    check(&["USER 5:6"], "User", r#""5:6""#);
    check(&["ONBUILD COPY a b"], "OnBuild", r#"["COPY a b"]"#);
    check(&["HEALTHCHECK CMD x"], "Healthcheck", r#"{"Test":["CMD-SHELL","x"]}"#);
}

#[test]
fn what_the_image_has_must_be_of_its_kind() {
    let found = changed(r#"{"Env":{"a":1}}"#, &["ENV a=1"]);
    assert!(found.as_ref().is_err_and(|why| why.contains("Env of the image")), "{found:?}");
    // What nobody touches may be anything.
    check_on(r#"{"Odd":{"a":1.50}}"#, &["USER a"], r#"{"Odd":{"a":1.50},"User":"a"}"#);
}
