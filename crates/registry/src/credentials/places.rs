use std::ffi::OsString;
use std::path::PathBuf;

/// A file of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) program: Program,
}

/// Whose habits a file follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// May name one helper for all registries, and has a name of its own for the default registry.
    Docker,
    Podman,
}

/// The files that an environment names, the first to be asked first. An empty variable is none.
pub(super) fn of_environment(variable: impl Fn(&str) -> Option<OsString>, user: u32) -> Vec<Place> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME");
    let below_home = |name: &str| home.as_ref().map(|home| home.join(name));

    let docker =
        folder("DOCKER_CONFIG").or_else(|| below_home(".docker")).map(|folder| folder.join("config.json"));
    let docker = docker.map(|path| Place { path, program: Program::Docker });
    if let Some(path) = folder("REGISTRY_AUTH_FILE") {
        return std::iter::once(Place { path, program: Program::Podman }).chain(docker).collect();
    }
    let runtime = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers"));
    let runtime = runtime.unwrap_or_else(|| PathBuf::from(format!("/run/containers/{user}")));
    let config =
        folder("XDG_CONFIG_HOME").or_else(|| below_home(".config")).map(|folder| folder.join("containers"));
    let podman = std::iter::once(runtime).chain(config);
    let podman = podman.map(|folder| Place { path: folder.join("auth.json"), program: Program::Podman });
    docker.into_iter().chain(podman).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Environment = &'static [(&'static str, &'static str)];

    #[test]
    fn files_of_an_environment() {
        let rows: [(Environment, u32, &[&str]); 7] = [
            (&[], 0, &["podman /run/containers/0/auth.json"]),
            (
                &[("HOME", "/root")],
                0,
                &[
                    "docker /root/.docker/config.json",
                    "podman /run/containers/0/auth.json",
                    "podman /root/.config/containers/auth.json",
                ],
            ),
            (
                &[("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/7"), ("DOCKER_CONFIG", "")],
                7,
                &[
                    "docker /home/a/.docker/config.json",
                    "podman /run/user/7/containers/auth.json",
                    "podman /home/a/.config/containers/auth.json",
                ],
            ),
            (
                &[("HOME", "/home/a"), ("DOCKER_CONFIG", "/d"), ("XDG_CONFIG_HOME", "/c")],
                7,
                &[
                    "docker /d/config.json",
                    "podman /run/containers/7/auth.json",
                    "podman /c/containers/auth.json",
                ],
            ),
            (&[("DOCKER_CONFIG", "/d")], 7, &["docker /d/config.json", "podman /run/containers/7/auth.json"]),
            (
                &[("HOME", "/home/a"), ("REGISTRY_AUTH_FILE", "/auth"), ("XDG_RUNTIME_DIR", "/run/user/7")],
                7,
                &["podman /auth", "docker /home/a/.docker/config.json"],
            ),
            (&[("REGISTRY_AUTH_FILE", "/auth")], 7, &["podman /auth"]),
        ];
        for (environment, user, expect) in rows {
            let variable = |name: &str| {
                environment.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            };
            let found: Vec<String> = of_environment(variable, user)
                .iter()
                .map(|place| {
                    let program = match place.program {
                        Program::Docker => "docker",
                        Program::Podman => "podman",
                    };
                    format!("{program} {}", place.path.display())
                })
                .collect();
            assert_eq!(found, expect, "{environment:?}");
        }
    }
}
