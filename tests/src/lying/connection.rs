//! Connections: one thread each, which answers until one side has had enough.

use std::io::{self, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::answer::Answer;
use super::request::{self, Request};
use super::route::Route;
use super::{Lie, Shared, serve};

/// Takes connections until the server stops; then ends all of them.
pub(super) fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for number in 1.. {
        let Ok((stream, _)) = listener.accept() else { continue };
        if shared.stopping() {
            break;
        }
        let Ok(handle) = stream.try_clone() else { continue };
        shared.state().open.insert(number, handle);
        let theirs = Arc::clone(shared);
        threads.retain(|thread| !thread.is_finished());
        threads.push(std::thread::spawn(move || {
            // What breaks a connection is the business of its other end.
            let _ = talk(&stream, number, &theirs);
            theirs.state().open.remove(&number);
            let _ = stream.shutdown(Shutdown::Both);
        }));
    }
    shared.close();
    for thread in threads {
        let _ = thread.join();
    }
}

fn talk(stream: &TcpStream, number: usize, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = request::read_head(&mut reader, number)? {
        // Whom it does not let in it does not lie to.
        let (refused, lies) = {
            let mut state = shared.state();
            let refused = state.guard.refuses(&request, &Route::of(&request));
            let lies = if refused.is_none() { state.rules.choose(&request) } else { Vec::new() };
            (refused, lies)
        };
        let stop_after = lies.iter().find_map(Lie::stops_reading);
        let whole = request::read_body(&mut reader, stream, &mut request, stop_after)?;
        let answer = {
            let mut state = shared.state();
            let answer = match refused {
                Some(refusal) => refusal,
                None if lies.iter().any(Lie::undoes) => Answer::new(200),
                None => serve::answer(&mut state, &lies_about(&request, &lies)),
            };
            let answer = lies.iter().fold(answer, |answer, lie| lie.apply(answer, &request));
            request.status = if whole { answer.told() } else { 0 };
            state.log.push(request.clone());
            answer
        };
        if !whole || !answer.send(stream, &request, shared)? || request.is_last() {
            break;
        }
    }
    Ok(())
}

/// The request as a lie has it.
fn lies_about(request: &Request, lies: &[Lie]) -> Request {
    lies.iter().fold(request.clone(), |request, lie| lie.misread(request))
}
