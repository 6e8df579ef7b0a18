use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plywood::{Engine, Error};

use crate::arguments::Global;
use crate::bars::Bars;

/// What every verb needs: where the store is, who watches long work, and whether somebody pressed Ctrl-C.
#[derive(Debug)]
pub(crate) struct Context {
    store: PathBuf,
    threads: usize,
    /// Of a layer that comes in.
    max_layer_size: Option<u64>,
    #[cfg(feature = "registry")]
    tls_verify: bool,
    bars: Bars,
}

impl Context {
    /// `listens`: Ctrl-C is for us, and not for another program that we started.
    pub(crate) fn new(global: &Global, listens: bool) -> Result<Self, Error> {
        let interrupted = Arc::new(AtomicBool::new(false));
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|_| listens) {
            // The second one ends the program at once, should the first not be heeded.
            let twice =
                signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted));
            twice
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&interrupted)))
                .map_err(|e| Error::Misuse(format!("cannot listen for signals: {e}")))?;
        }
        // Without a handler the kernel ends who writes beyond the limit on file sizes; with one the write fails, which is told.
        let too_large = rustix::process::Signal::XFSZ.as_raw();
        signal_hook::flag::register(too_large, Arc::default())
            .map_err(|e| Error::Misuse(format!("cannot listen for signals: {e}")))?;
        open_files();
        let store = match &global.store {
            Some(store) => store.clone(),
            None => default_store()?,
        };
        Ok(Self {
            store,
            threads: global.threads,
            max_layer_size: global.max_layer_size,
            #[cfg(feature = "registry")]
            tls_verify: global.tls_verify,
            bars: Bars::new(interrupted),
        })
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> &std::path::Path {
        &self.store
    }

    /// Whether somebody pressed Ctrl-C.
    pub(crate) fn interrupted(&self) -> bool {
        self.bars.interrupted()
    }

    /// Takes away what is drawn.
    pub(crate) fn hide_bars(&self) {
        plywood::Watch::finish(&self.bars);
    }

    pub(crate) fn engine(&self) -> Result<Engine<'_>, Error> {
        let mut engine = Engine::open(&self.store)?;
        engine.watch = &self.bars;
        engine.threads = self.threads;
        engine.max_layer_size = self.max_layer_size;
        #[cfg(feature = "registry")]
        {
            engine.registries.tls_verify = self.tls_verify;
        }
        Ok(engine)
    }

    /// The same, without a word about how far it is.
    pub(crate) fn quiet_engine(&self) -> Result<Engine<'_>, Error> {
        self.bars.hide();
        self.engine()
    }
}

/// An archive with many layers has many files open; the soft limit is mostly a thousand, the hard one more.
fn open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// What `PLY_STORE` says; else root's images are the machine's, and everybody else's are their own.
pub(crate) fn default_store() -> Result<PathBuf, Error> {
    if let Some(store) = std::env::var_os("PLY_STORE").filter(|store| !store.is_empty()) {
        return Ok(PathBuf::from(store));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/ply"));
    }
    let from = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|p| p.is_absolute());
    from("XDG_DATA_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("ply"))
        .ok_or_else(|| Error::Misuse("neither HOME nor XDG_DATA_HOME is set: say --store DIR".to_owned()))
}

/// Whether somebody asked to stop.
pub(crate) fn stopped(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}
