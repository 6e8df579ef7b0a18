//! Who runs a command: names as the image's `/etc/passwd` and `/etc/group` know them.

use std::io::Read;

use ply_tree::Last;

use crate::Error;
use crate::files::Files;

/// Bytes that are read of a list of users, at most.
const LONGEST: u64 = 4 << 20;

/// The largest number of a user or a group that a process is given, as in Docker: beyond it a number is cut to another,
/// or is the -1 that means no change.
const LARGEST: u32 = i32::MAX.cast_unsigned();

/// Somebody in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// All groups.
    pub(super) groups: Vec<u32>,
    pub(super) home: String,
}

/// Finds somebody in an image.
pub(super) fn find(files: &Files, wanted: &str) -> Result<User, Error> {
    let read = |path: &str| -> Result<String, Error> {
        let stack = files.stack(None)?;
        let found = ply_tree::find(&stack, path.as_bytes(), Last::Follow).map_err(files.failed())?;
        let Some(found) = found else { return Ok(String::new()) };
        let node = ply_tree::TreeView::node(&stack, found.id).map_err(files.failed())?;
        let mut text = Vec::new();
        let origin = stack.origin(found.id);
        if let Some(content) = origin.and_then(|origin| files.content(origin, &node)) {
            content.take(LONGEST).read_to_end(&mut text).map_err(Error::within(path))?;
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    look_up(wanted, &read("/etc/passwd")?, &read("/etc/group")?)
}

/// A line of `passwd` or `group`: at least so many fields.
fn lines(text: &str, fields: usize) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().map(|line| line.trim().split(':').collect::<Vec<_>>());
    lines.filter(move |line| line.len() >= fields)
}

/// `USER[:GROUP]`, each a name or a number, as Docker reads it: a name comes before a number, and a number nobody knows is
/// somebody all the same. What looks like a number and can be none is no name either (CVE-2026-46680).
fn look_up(wanted: &str, passwd: &str, group: &str) -> Result<User, Error> {
    let (name, wanted_group) = match wanted.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (wanted, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    for (what, given) in [("user", Some(name)), ("group", wanted_group)] {
        let Some(given) = given.filter(|given| looks_like_a_number(given)) else { continue };
        number(given).map_err(|_| unknown(what, given))?;
    }
    let field = |line: &[&str], at: usize| line.get(at).copied().unwrap_or_default().to_owned();
    let known = |is_it: &dyn Fn(&[&str]) -> bool| lines(passwd, 4).find(|line| is_it(line));
    let line = known(&|line| field(line, 0) == name).or_else(|| known(&|line| field(line, 2) == name));
    let mut user = match &line {
        Some(line) => User {
            uid: number(&field(line, 2))?,
            gid: number(&field(line, 3))?,
            groups: Vec::new(),
            home: field(line, 5),
        },
        None => User { uid: number(name).map_err(|_| unknown("user", name))?, ..User::default() },
    };
    if user.home.is_empty() {
        "/".clone_into(&mut user.home);
    }
    match wanted_group {
        Some(wanted) => {
            let by_name = lines(group, 3).find(|line| field(line, 0) == wanted);
            user.gid = match by_name {
                Some(line) => number(&field(&line, 2))?,
                None => number(wanted).map_err(|_| unknown("group", wanted))?,
            };
        }
        None => {
            let login = line.as_ref().map(|line| field(line, 0));
            let is_member = |line: &Vec<&str>| {
                let members = field(line, 3);
                login.as_ref().is_some_and(|login| members.split(',').any(|member| member == login))
            };
            let groups = lines(group, 4).filter(is_member);
            user.groups = groups.map(|line| number(&field(&line, 2))).collect::<Result<_, _>>()?;
        }
    }
    // A file that its own group may not read, others may: who is of that group must be told apart from them (CVE-2022-36109).
    if !user.groups.contains(&user.gid) {
        user.groups.insert(0, user.gid);
    }
    Ok(user)
}

fn looks_like_a_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> Result<u32, Error> {
    let what = || format!("the number {}", crate::error::shown(text));
    let number = text.parse().map_err(|e| Error::within(what())(e))?;
    if number > LARGEST { Err(Error::within(what())(format!("it is over {LARGEST}"))) } else { Ok(number) }
}

fn unknown(what: &str, name: &str) -> Error {
    Error::Misuse(format!(
        "unable to find {what} {}: no matching entries in the image",
        crate::error::shown(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_as_docker_finds_them() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv/web:/bin/false\n7:x:70:71::/seven:\nbad\n";
        let group = "root:x:0:\nweb:x:34:\ndisk:x:6:other,web\naudio:x:29:web\n";
        let check = |wanted: &str, uid: u32, gid: u32, groups: &[u32], home: &str| {
            let expect = User { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
            assert_eq!(look_up(wanted, passwd, group).unwrap(), expect, "{wanted}");
        };
        check("", 0, 0, &[0], "/root");
        check("root", 0, 0, &[0], "/root");
        check("web", 33, 34, &[34, 6, 29], "/srv/web");
        check("33", 33, 34, &[34, 6, 29], "/srv/web");
        check("7", 70, 71, &[71], "/seven");
        check("1000", 1000, 0, &[0], "/");
        check("1000:1001", 1000, 1001, &[1001], "/");
        check("web:disk", 33, 6, &[6], "/srv/web");
        check(":disk", 0, 6, &[6], "/root");
        check("web:", 33, 34, &[34, 6, 29], "/srv/web");
        for unknown in ["nobody", "web:nobody", "-1", "2147483648", "4294967296", "x y"] {
            assert!(look_up(unknown, passwd, group).is_err(), "{unknown}");
        }
        // Nor where the image has a user of such a name, or gives a user such a number.
        for odd in ["4294967296", "-1", "2147483648"] {
            let passwd = format!("{odd}:x:0:0::/:\nodd:x:{odd}:0::/:\n");
            for wanted in [odd.to_owned(), format!("root:{odd}"), "odd".to_owned()] {
                assert!(look_up(&wanted, &passwd, &passwd).is_err(), "{wanted}");
            }
        }
        assert_eq!(look_up("0", "", "").unwrap().home, "/");
    }
}
