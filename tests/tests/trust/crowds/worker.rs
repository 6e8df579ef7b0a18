//! One of many: it changes names of its own, which it knows, and images of all, which others change too.

use std::collections::BTreeMap;
use std::time::Instant;

use ply_tests::{Ply, Ran};

use super::model::{Known, POOL};
use super::{ended, spawned};

/// Names that a worker has.
const OWN: u64 = 4;

/// A worker, and what it knows.
pub(super) struct Worker<'a> {
    ply: &'a Ply,
    pool: &'a [Known],
    number: u64,
    state: u64,
    step: u64,
    done: Done,
}

/// What a worker did, and the names that it has in the end.
#[derive(Default)]
pub(super) struct Done {
    pub(super) names: BTreeMap<String, Known>,
    pub(super) times: BTreeMap<&'static str, u64>,
    /// Commands that were told that what they asked for is not there or in use.
    pub(super) refused: u64,
}

type Step = Result<(), String>;

impl<'a> Worker<'a> {
    pub(super) fn new(ply: &'a Ply, pool: &'a [Known], number: u64, seed: u64) -> Self {
        // Neighbours begin far apart.
        let state = (seed << 8 | number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { ply, pool, number, state, step: 0, done: Done::default() }
    }

    pub(super) fn work(mut self, until: Instant) -> Result<Done, String> {
        while Instant::now() < until {
            self.step += 1;
            let step = self.step;
            self.next().map_err(|why| format!("worker {}, step {step}: {why}", self.number))?;
        }
        Ok(self.done)
    }

    /// xorshift64: the same numbers each time.
    fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 33) % limit
    }

    fn next(&mut self) -> Step {
        match self.below(16) {
            0 | 1 => self.load(),
            2 => self.load_pool(),
            3 | 4 => self.tag(),
            5 => self.tag_pool(),
            6 | 7 => self.remove(),
            8 => self.remove_pool(),
            9 => self.save(),
            10 => self.commit(),
            11 => self.squash(),
            12 => self.prune(),
            13 => self.expect(&["check"]).map(drop),
            14 => self.list(),
            _ => self.cat(),
        }
    }

    fn run(&mut self, args: &[&str]) -> Ran {
        let verb = VERBS.iter().find(|verb| **verb == args[0]).unwrap();
        *self.done.times.entry(verb).or_default() += 1;
        ended(&format!("worker {}: {args:?}", self.number), spawned(&mut self.ply.command(args)))
    }

    /// Runs what must be done.
    fn expect(&mut self, args: &[&str]) -> Result<String, String> {
        let ran = self.run(args);
        match ran.code {
            Some(0) => Ok(ran.text().trim_end().to_owned()),
            code => Err(format!("{args:?}: {code:?}: {}{}", ran.text(), ran.stderr)),
        }
    }

    /// Runs what may be refused in these words; whether it was done.
    fn may(&mut self, args: &[&str], words: &[String]) -> Result<bool, String> {
        let ran = self.run(args);
        if ran.code == Some(0) {
            return Ok(true);
        }
        if ran.code == Some(1) && words.iter().any(|word| ran.stderr.starts_with(&format!("ply: {word}"))) {
            self.done.refused += 1;
            return Ok(false);
        }
        Err(format!("{args:?}: {:?}: {}{}", ran.code, ran.text(), ran.stderr))
    }

    fn own(&mut self) -> String {
        let tag = self.below(OWN);
        format!("own-{}:{tag}", self.number)
    }

    /// One of its names that points to an image.
    fn known(&mut self) -> Option<(String, Known)> {
        let at = self.below(self.done.names.len().max(1) as u64);
        let (name, known) = self.done.names.iter().nth(usize::try_from(at).unwrap())?;
        Some((name.clone(), known.clone()))
    }

    fn of_pool(&mut self) -> (u64, Known) {
        let n = self.below(POOL);
        (n, self.pool[usize::try_from(n).unwrap()].clone())
    }

    fn load(&mut self) -> Step {
        let ((n, known), own) = (self.of_pool(), self.own());
        self.expect(&["load", "-q", "-i", &format!("pool-{n}.tar"), "--tag", &own])?;
        self.done.names.insert(own, known);
        Ok(())
    }

    fn load_pool(&mut self) -> Step {
        let (n, _) = self.of_pool();
        self.expect(&["load", "-q", "-i", &format!("pool-{n}.tar")]).map(drop)
    }

    fn tag(&mut self) -> Step {
        let Some((name, known)) = self.known() else { return self.load() };
        let own = self.own();
        self.expect(&["tag", &name, &own])?;
        self.done.names.insert(own, known);
        Ok(())
    }

    fn tag_pool(&mut self) -> Step {
        let ((n, known), own) = (self.of_pool(), self.own());
        let name = format!("pool:{n}");
        if self.may(&["tag", &name, &own], &[none(&name)])? {
            self.done.names.insert(own, known);
        }
        Ok(())
    }

    fn remove(&mut self) -> Step {
        let own = self.own();
        let mut words = Vec::new();
        if self.done.names.contains_key(&own) {
            // A container of another worker.
            words.push(format!("conflict: unable to remove repository reference \"{own}\""));
        } else {
            words.push(none(&own));
        }
        let was_there = self.done.names.contains_key(&own);
        if self.may(&["rmi", &own], &words)? {
            if !was_there {
                return Err(format!("{own} was removed, and was not there"));
            }
            self.done.names.remove(&own);
        }
        Ok(())
    }

    fn remove_pool(&mut self) -> Step {
        let name = format!("pool:{}", self.below(POOL));
        let conflict = format!("conflict: unable to remove repository reference \"{name}\"");
        self.may(&["rmi", &name], &[none(&name), conflict]).map(drop)
    }

    /// What is saved is the image, whole.
    fn save(&mut self) -> Step {
        let Some((name, known)) = self.known() else { return self.load() };
        let file = format!("saved-{}.tar", self.number);
        self.expect(&["save", "-o", &file, &name])?;
        let archive = format!("docker-archive:{file}");
        self.expect(&["check", &archive])?;
        same(&name, &self.expect(&["inspect", "-f", "{{.Id}}", &archive])?, &known.id)
    }

    fn commit(&mut self) -> Step {
        let Some((name, _)) = self.known() else { return self.load() };
        let (container, own) = (format!("ct-{}", self.number), self.own());
        let motd = format!("worker {} step {}", self.number, self.step);
        let file = format!("motd-{}", self.number);
        self.ply.write(&file, &motd);
        self.expect(&["create", "--name", &container, &name])?;
        self.expect(&["cp", &file, &format!("{container}:/etc/motd")])?;
        let id = self.expect(&["commit", &container, &own])?;
        self.expect(&["rm", &container])?;
        same(&own, &self.expect(&["cat", &own, "/etc/motd"])?, &motd)?;
        self.done.names.insert(own, Known { id, motd });
        Ok(())
    }

    fn squash(&mut self) -> Step {
        let Some((name, known)) = self.known() else { return self.load() };
        let own = self.own();
        let id = self.expect(&["squash", &name, "-t", &own])?;
        self.done.names.insert(own, Known { id, ..known });
        Ok(())
    }

    fn prune(&mut self) -> Step {
        self.expect(&["prune", "-f"]).map(drop)
    }

    /// Its own names are those that it was told, and nothing that others do changes that.
    fn list(&mut self) -> Step {
        let own = format!("own-{}:", self.number);
        let told = self.expect(&["images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"])?;
        let mut found: Vec<&str> = told.lines().filter(|line| line.starts_with(&own)).collect();
        found.sort_unstable();
        let names = self.done.names.iter();
        let expected: Vec<String> = names.map(|(name, known)| format!("{name} {}", known.id)).collect();
        same("its names", &found.join("\n"), &expected.join("\n"))
    }

    fn cat(&mut self) -> Step {
        let Some((name, known)) = self.known() else { return self.load() };
        same(&name, &self.expect(&["cat", &name, "/etc/motd"])?, &known.motd)
    }
}

const VERBS: [&str; 14] = [
    "load", "tag", "rmi", "save", "check", "inspect", "create", "cp", "commit", "rm", "squash", "prune",
    "images", "cat",
];

fn none(name: &str) -> String {
    format!("No such image: {name}")
}

fn same(what: &str, found: &str, expected: &str) -> Step {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, and not {expected:?}")) }
}
