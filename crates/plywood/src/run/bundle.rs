//! A bundle of the OCI runtime specification: `config.json`, and beside it the directory that the container is mounted over.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{
    Capability, LinuxBuilder, LinuxCapabilitiesBuilder, LinuxNamespaceBuilder, LinuxNamespaceType, Mount,
    MountBuilder, ProcessBuilder, RootBuilder, Spec, SpecBuilder, UserBuilder, get_default_maskedpaths,
    get_default_mounts, get_default_readonly_paths,
};
use ply_store::Container;

use super::config::Configured;
use super::user::User;
use super::{Run, Volume};
use crate::Error;

/// What root in a container may, as Docker has it: enough to install and serve, too little to rule the host.
const CAPABILITIES: [Capability; 14] = [
    Capability::AuditWrite,
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Mknod,
    Capability::NetBindService,
    Capability::NetRaw,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// Files of the host that a container sees copies of.
const COPIED: [&str; 2] = ["hosts", "resolv.conf"];

/// A folder; it goes when this is dropped, if nothing is mounted in it.
#[derive(Debug)]
pub(super) struct Bundle {
    folder: PathBuf,
}

fn failed<E>(error: E) -> Error
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Error::within("the bundle of the container")(error)
}

impl Bundle {
    pub(super) fn make(folder: &Path) -> Result<Self, Error> {
        let bundle = Self { folder: std::path::absolute(folder).map_err(failed)? };
        fs::create_dir_all(bundle.rootfs()).map_err(failed)?;
        Ok(bundle)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the container is mounted over.
    pub(super) fn rootfs(&self) -> PathBuf {
        self.folder.join("rootfs")
    }

    pub(super) fn remove(&self) -> Result<(), Error> {
        fs::remove_dir_all(&self.folder).map_err(failed)
    }

    pub(super) fn write(&self, spec: &Spec) -> Result<(), Error> {
        spec.save(self.folder.join("config.json")).map_err(failed)
    }

    /// What the runtime is told.
    pub(super) fn spec(
        &self,
        container: &Container,
        configured: &Configured,
        user: &User,
        run: &Run,
    ) -> Result<Spec, Error> {
        let all: HashSet<Capability> = CAPABILITIES.into();
        let of_user = if user.uid == 0 { all.clone() } else { HashSet::new() };
        let capabilities = LinuxCapabilitiesBuilder::default()
            .bounding(all)
            .effective(of_user.clone())
            .permitted(of_user)
            .inheritable(HashSet::new())
            .ambient(HashSet::new())
            .build()
            .map_err(failed)?;
        let mut env = configured.env.clone();
        if !env.iter().any(|variable| variable.starts_with("HOME=")) {
            env.push(format!("HOME={}", user.home));
        }
        let who = UserBuilder::default().uid(user.uid).gid(user.gid).additional_gids(user.groups.clone());
        let mut process = ProcessBuilder::default()
            .terminal(run.terminal)
            .user(who.build().map_err(failed)?)
            .args(configured.args.clone())
            .env(env)
            .cwd(&configured.workdir)
            .capabilities(capabilities)
            .no_new_privileges(false)
            .build()
            .map_err(failed)?;
        // The limits are those of this process.
        process.set_rlimits(None);
        let linux = LinuxBuilder::default()
            .namespaces(namespaces(run)?)
            .masked_paths(get_default_maskedpaths())
            .readonly_paths(get_default_readonly_paths())
            .build()
            .map_err(failed)?;
        SpecBuilder::default()
            .version("1.0.2")
            .root(RootBuilder::default().path("rootfs").readonly(false).build().map_err(failed)?)
            .hostname(container.id.short())
            .process(process)
            .mounts(self.mounts(container, &run.volumes)?)
            .linux(linux)
            .build()
            .map_err(failed)
    }

    fn mounts(&self, container: &Container, volumes: &[Volume]) -> Result<Vec<Mount>, Error> {
        let mut mounts = get_default_mounts();
        let mut bind = |host: &Path, at: &Path, read_only: bool| -> Result<(), Error> {
            let access = if read_only { "ro" } else { "rw" };
            let options = ["rbind", "rprivate", access].map(str::to_owned).to_vec();
            let mount = MountBuilder::default().destination(at).typ("bind").source(host).options(options);
            mounts.push(mount.build().map_err(failed)?);
            Ok(())
        };
        for name in COPIED {
            let (of_host, copy) = (Path::new("/etc").join(name), self.folder.join(name));
            // A machine without one has nothing to say.
            if fs::copy(&of_host, &copy).is_ok() {
                bind(&copy, &of_host, false)?;
            }
        }
        let hostname = self.folder.join("hostname");
        fs::write(&hostname, container.id.short() + "\n").map_err(failed)?;
        bind(&hostname, Path::new("/etc/hostname"), false)?;
        for Volume { host, at, read_only } in volumes {
            let within = || Error::within(host.display().to_string());
            if !host.exists() {
                fs::create_dir_all(host).map_err(within())?;
            }
            bind(&fs::canonicalize(host).map_err(within())?, Path::new(at), *read_only)?;
        }
        Ok(mounts)
    }
}

fn namespaces(run: &Run) -> Result<Vec<oci_spec::runtime::LinuxNamespace>, Error> {
    use LinuxNamespaceType as Type;
    let mut kinds = vec![Type::Pid, Type::Ipc, Type::Uts, Type::Mount];
    if run.no_network {
        kinds.push(Type::Network);
    }
    let built = kinds.into_iter().map(|kind| LinuxNamespaceBuilder::default().typ(kind).build());
    built.collect::<Result<_, _>>().map_err(failed)
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // What is mounted there is never emptied.
        let _ = fs::remove_dir(self.rootfs());
        if !self.rootfs().exists() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
