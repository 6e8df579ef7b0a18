//! t
use std::time::Instant; use ply_digest::*;
struct B(usize);
impl Feed for B { type Error=(); fn size_hint(&self)->u64{self.0 as u64} fn fill(&mut self,b:&mut [u8])->Result<usize,()>{let n=b.len().min(self.0); self.0-=n; Ok(n)}}
fn main(){
 let t=Instant::now(); let l=lanes(); let d=t.elapsed();
 let mut best=[0f64;8];
 let rounds: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(0);
 for _ in 0..rounds { for (b,threads,lanes,feeds) in [(0,1,1,12),(1,1,2,12),(2,1,3,12),(3,1,4,12),(4,2,1,12),(5,2,2,12),(6,2,3,12),(7,2,4,12)] {
   let t=Instant::now(); pump((0..feeds).map(|_|B(1<<20)).collect(), &Pump{threads,lanes,block:0}, &()).ok().unwrap();
   best[b]=best[b].max((feeds<<20) as f64/t.elapsed().as_secs_f64()/1e9);
 } }
 println!("lanes {l} in {d:?}; 1 thread {:.2?} 2 threads {:.2?}", &best[..4], &best[4..]);
}
