use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::null_is_default;

/// What a manifest is for: operating system and processor ([OCI image-spec, index, platform]).
///
/// [OCI image-spec, index, platform]: https://github.com/opencontainers/image-spec/blob/main/image-index.md
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(expecting = "a platform: an object with os and architecture")]
pub struct Platform {
    /// Processor, in Go's words: `amd64`, `arm64`.
    #[serde(default)]
    pub architecture: String,
    /// Operating system, in Go's words: `linux`.
    #[serde(default)]
    pub os: String,
    /// Windows build.
    #[serde(default, rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Windows features.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// Processor variant: `v7`, `v8`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// The text is no platform.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no platform: write OS/ARCHITECTURE[/VARIANT], as in linux/arm64")]
pub struct PlatformError(String);

impl Platform {
    /// A platform without variant.
    #[must_use]
    pub fn new(os: &str, architecture: &str) -> Self {
        Self {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            os_version: String::new(),
            os_features: Vec::new(),
            variant: String::new(),
        }
    }

    /// The platform this program runs on. Images are Linux's, so on other systems it is Linux too.
    #[must_use]
    pub fn host() -> Self {
        Self::new("linux", std::env::consts::ARCH).normal()
    }

    /// In the spelling manifests use: `x86_64` is `amd64`, `arm64/v8` is `arm64`.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.os = self.os.to_lowercase();
        self.architecture = match self.architecture.to_lowercase().as_str() {
            "x86_64" | "x86-64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            "x86" | "i386" | "i686" => "386".to_owned(),
            "armhf" => "arm".to_owned(),
            "armel" => {
                self.variant = "v6".to_owned();
                "arm".to_owned()
            }
            "powerpc64le" => "ppc64le".to_owned(),
            other => other.to_owned(),
        };
        match (self.architecture.as_str(), self.variant.as_str()) {
            ("arm64", "v8" | "8") | ("amd64", "v1") => self.variant.clear(),
            ("arm", "" | "7") => self.variant = "v7".to_owned(),
            ("arm", "5" | "6" | "8") => self.variant.insert(0, 'v'),
            _ => {}
        }
        self
    }

    /// Whether an image for `self` answers somebody who asked for `wanted`.
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        let (have, want) = (self.clone().normal(), wanted.clone().normal());
        have.os == want.os
            && have.architecture == want.architecture
            && (have.variant == want.variant || want.variant.is_empty())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError(text.chars().take(80).collect());
        let good = |part: &&str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(good) {
            return Err(error());
        }
        let platform = match parts[..] {
            // One word alone leaves the other to the host, as containerd's parser has it.
            [os] if SYSTEMS.contains(&os) => Self { os: os.to_owned(), ..Self::host() },
            [architecture]
                if ARCHITECTURES.contains(&Self::new("", architecture).normal().architecture.as_str()) =>
            {
                Self::new(&Self::host().os, architecture)
            }
            [os, architecture] => Self::new(os, architecture),
            [os, architecture, variant] => {
                Self { variant: variant.to_owned(), ..Self::new(os, architecture) }
            }
            _ => return Err(error()),
        };
        Ok(platform.normal())
    }
}

/// Operating systems, as Go names them (`go tool dist list`).
const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
];
/// Processors, as Go names them.
const ARCHITECTURES: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm",
];

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(text.parse::<Platform>().ok().map(|p| p.to_string()).as_deref(), expect, "{text}");
        };
        // containerd's platforms package, Normalize.
        check("linux/amd64", Some("linux/amd64"));
        check("Linux/x86_64", Some("linux/amd64"));
        check("linux/aarch64", Some("linux/arm64"));
        check("linux/arm64/v8", Some("linux/arm64"));
        check("linux/arm", Some("linux/arm/v7"));
        check("linux/arm/6", Some("linux/arm/v6"));
        check("linux/armel", Some("linux/arm/v6"));
        check("linux/i386", Some("linux/386"));
        check("linux", Some(&format!("linux/{}", Platform::host().architecture)));
        check("aarch64", Some("linux/arm64"));
        check("s390x", Some("linux/s390x"));
        check("toaster", None);
        check("linux//v8", None);
        check("linux/amd64/v1/x", None);
        check("lin ux/amd64", None);
    }

    #[test]
    fn what_answers_what() {
        let check = |have: &str, want: &str, expect: bool| {
            let have: Platform = have.parse().unwrap();
            assert_eq!(have.satisfies(&want.parse().unwrap()), expect, "{have} for {want}");
        };
        check("linux/arm64/v8", "linux/arm64", true);
        check("linux/arm/v6", "linux/arm/v7", false);
        check("linux/amd64/v3", "linux/amd64", true);
        check("windows/amd64", "linux/amd64", false);
    }
}
