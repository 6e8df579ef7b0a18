//! Threads that compress pieces, and the queue that puts their results in order.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::Pack;

/// Plain bytes that may be with the crew at once, whatever the number of threads.
const IN_FLIGHT: usize = 16 << 20;
/// Pieces that may be with the crew at once.
const PIECES: usize = 32;

type Outcome = io::Result<Vec<u8>>;
/// A piece, and where its result goes.
type Job = (Vec<u8>, Sender<Outcome>);

pub(super) struct Crew {
    hands: Hands,
    /// One for each piece handed in and not yet taken back, the oldest first.
    results: VecDeque<Receiver<Outcome>>,
    limit: usize,
}

enum Hands {
    /// The caller's own: a piece is done when it is handed in.
    Own(Box<dyn Pack>),
    Threads {
        jobs: Option<Sender<Job>>,
        threads: Vec<JoinHandle<()>>,
    },
}

impl Crew {
    pub(super) fn new<P: Pack>(
        piece: usize,
        threads: usize,
        packer: impl Fn() -> io::Result<P>,
    ) -> io::Result<Self> {
        let most = IN_FLIGHT.checked_div(piece).unwrap_or(PIECES).clamp(1, PIECES);
        let threads = threads.min(most);
        let limit = threads.saturating_mul(2).min(most);
        if threads == 1 {
            return Ok(Self { hands: Hands::Own(Box::new(packer()?)), results: VecDeque::new(), limit: 0 });
        }
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        // In place before the first thread starts, so that an error on the way joins those that did.
        let mut crew = Self {
            hands: Hands::Threads { jobs: Some(jobs), threads: Vec::new() },
            results: VecDeque::new(),
            limit,
        };
        for _ in 0..threads {
            let (packer, queue) = (packer()?, Arc::clone(&queue));
            let handle =
                thread::Builder::new().name("ply-compress".to_owned()).spawn(move || work(packer, &queue))?;
            if let Hands::Threads { threads, .. } = &mut crew.hands {
                threads.push(handle);
            }
        }
        Ok(crew)
    }

    /// How many pieces may be left with the crew.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn submit(&mut self, piece: Vec<u8>) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel();
        self.results.push_back(receiver);
        match &mut self.hands {
            Hands::Own(packer) => sender.send(packer.pack(&piece)).map_err(|_| gone()),
            Hands::Threads { jobs, .. } => match jobs {
                Some(jobs) => jobs.send((piece, sender)).map_err(|_| gone()),
                None => Err(gone()),
            },
        }
    }

    /// The oldest piece's result: waited for while more than `left` pieces are with the crew, else only if it is there.
    pub(super) fn next(&mut self, left: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(oldest) = self.results.front() else { return Ok(None) };
        let outcome = if self.results.len() > left {
            oldest.recv().map_err(|_| gone())?
        } else {
            match oldest.try_recv() {
                Ok(outcome) => outcome,
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(gone()),
            }
        };
        self.results.pop_front();
        outcome.map(Some)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if let Hands::Threads { jobs, threads } = &mut self.hands {
            // Without a sender the threads run dry; nobody waits for what they still do.
            jobs.take();
            for thread in threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

fn work(mut packer: impl Pack, queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok((piece, result)) = job else { return };
        // Whoever waited may be gone after an error.
        let _ = result.send(packer.pack(&piece));
    }
}

fn gone() -> io::Error {
    io::Error::other("a compressing thread has died")
}
