// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is asked of a pool, and for how long. The timed loops are compiled for each pool anew.

use crate::{gpt2, pools::Pool};
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{mem, slice, thread};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

const BATCHES: usize = 21;
const BATCH: Duration = Duration::from_millis(4);
const PARALLEL_RUNS: usize = 5;
const PARALLEL_RUN: Duration = Duration::from_millis(100);
const LOADS: usize = 10;
const QUEUE: usize = 64;

// A slow pool gives fewer samples, so that a group of workloads ends within ten seconds, but three
// at least: the first one may still pay for memory that the kernel hands out for the first time.
const FEWEST: usize = 3;
const SERIES_END: Duration = Duration::from_secs(1);
const LOADS_END: Duration = Duration::from_secs(7);

/// A key of the answer and its samples.
pub type Series = (String, Vec<f64>);

/// The workloads of each group.
pub const GROUPS: [(&str, &str); 5] = [
    ("patterns", "thousand pingpong hotcold multisize burst pressure"),
    ("sizes", "size_1KiB size_64KiB size_1MiB size_64MiB"),
    ("threads", "threads1 threads2 threads4 threads8 threads16 threads32"),
    ("producer", "producer2 producer4 producer8 producer16 producer32"),
    ("load", "load"),
];

/// Runs one workload on a new pool. No series: the pool has no counterpart for it.
pub fn on_one_thread<P: Pool>(workload: &str, file: Option<&str>) -> Vec<Series> {
    let pool = P::new();
    let hot_and_cold = [[MIB; 9].as_slice(), &[64 * MIB]].concat();
    let ns = match workload {
        "thousand" => in_turn(&pool, &[MIB]),
        "pingpong" => in_turn(&pool, &[MIB, 2 * MIB]),
        "hotcold" => in_turn(&pool, &hot_and_cold),
        "multisize" => in_turn(&pool, &[MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB]),
        "burst" => at_once(&pool, 64, MIB),
        "pressure" => at_once(&pool, 256, 4 * MIB),
        "size_1KiB" => in_turn(&pool, &[KIB]),
        "size_64KiB" => in_turn(&pool, &[64 * KIB]),
        "size_1MiB" => in_turn(&pool, &[MIB]),
        "size_64MiB" => in_turn(&pool, &[64 * MIB]),
        "load" => return load(&pool, file.expect("main asks for the file")),
        _ => return Vec::new(),
    };
    vec![(format!("{workload}_ns"), ns)]
}

/// The same for pools that threads can share.
pub fn on_many_threads<P: Pool + Sync>(workload: &str, file: Option<&str>) -> Vec<Series>
where
    P::Buffer: Send,
{
    let number_after = |name| workload.strip_prefix(name).and_then(|n| n.parse::<usize>().ok());
    let mops = if let Some(threads) = number_after("threads") {
        let pool = P::new();
        samples(PARALLEL_RUNS, SERIES_END, || side_by_side(&pool, threads))
    } else if let Some(threads) = number_after("producer") {
        let pool = P::new();
        samples(PARALLEL_RUNS, SERIES_END, || in_pairs(&pool, threads / 2))
    } else {
        return on_one_thread::<P>(workload, file);
    };
    vec![(format!("{workload}_mops"), mops)]
}

/// Takes `count` samples, fewer when `end` is over.
fn samples<T>(count: usize, end: Duration, mut sample: impl FnMut() -> T) -> Vec<T> {
    let start = Instant::now();
    let mut all = Vec::with_capacity(count);

    while all.len() < FEWEST || all.len() < count && start.elapsed() < end {
        all.push(sample());
    }
    all
}

/// A buffer that the compiler must believe is used.
fn get<P: Pool>(pool: &P, size: usize) -> P::Buffer {
    let mut buffer = pool.get(size);
    black_box(P::start(&mut buffer));
    buffer
}

/// Gets and puts a buffer of each size, one after the other.
fn in_turn<P: Pool>(pool: &P, sizes: &[usize]) -> Vec<f64> {
    batches(sizes.len(), || {
        for &size in sizes {
            pool.put(get(pool, size));
        }
    })
}

/// Gets all buffers, then puts them in the order they came.
fn at_once<P: Pool>(pool: &P, count: usize, size: usize) -> Vec<f64> {
    let mut held = Vec::with_capacity(count);

    batches(count, || {
        held.extend((0..count).map(|_| get(pool, size)));
        for buffer in held.drain(..) {
            pool.put(buffer);
        }
    })
}

/// Nanoseconds for one get and put, where a round does `pairs` of them.
fn batches(pairs: usize, mut round: impl FnMut()) -> Vec<f64> {
    let mut time = |rounds: usize| {
        let start = Instant::now();
        for _ in 0..rounds {
            round();
        }
        start.elapsed()
    };
    let mut rounds = 1;

    // The first round makes the pool and the allocator start before they see one CPU only.
    time(1);
    stay_on_this_cpu();
    while time(rounds) < BATCH {
        rounds *= 2;
    }
    samples(BATCHES, SERIES_END, || time(rounds).as_secs_f64() * 1e9 / (rounds * pairs) as f64)
}

fn stay_on_this_cpu() {
    // SAFETY: a cpu_set_t is plain bits, and both calls only look at their arguments.
    unsafe {
        let cpu = libc::sched_getcpu();
        let mut here: libc::cpu_set_t = mem::zeroed();
        if let Ok(cpu) = usize::try_from(cpu) {
            libc::CPU_SET(cpu, &mut here);
            libc::sched_setaffinity(0, size_of_val(&here), &raw const here);
        }
    }
}

/// Something that a thread does until it is told to stop; gives back how many pairs it did.
type Job<'a> = Box<dyn FnOnce(&AtomicBool) -> u64 + Send + 'a>;

/// Million pairs a second of all jobs together, each in a thread of its own.
fn together(jobs: Vec<Job>) -> f64 {
    let stop = AtomicBool::new(false);
    let work = |job: Job| {
        thread::park();
        let start = Instant::now();
        let pairs = job(&stop);
        (start, Instant::now(), pairs)
    };

    thread::scope(|scope| {
        let spawn = |job| scope.spawn(|| work(job));
        let threads: Vec<_> = jobs.into_iter().map(spawn).collect();
        // Not a Barrier: its threads wake one by one, each behind those that are busy already.
        for thread in &threads {
            thread.thread().unpark();
        }
        thread::sleep(PARALLEL_RUN);
        stop.store(true, Relaxed);
        million_a_second(threads.into_iter().map(|thread| thread.join().expect("a job")))
    })
}

/// From the first start to the last end: threads that share a CPU do not start at once.
fn million_a_second(work: impl Iterator<Item = (Instant, Instant, u64)>) -> f64 {
    let (start, end, pairs) =
        work.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1), a.2 + b.2)).expect("one thread at least");
    pairs as f64 / (end - start).as_secs_f64() / 1e6
}

/// Every thread gets and puts buffers of its own.
fn side_by_side<P: Pool + Sync>(pool: &P, threads: usize) -> f64 {
    let job = |stop: &AtomicBool| {
        let mut pairs = 0u64;
        while !stop.load(Relaxed) {
            pool.put(get(pool, MIB));
            pairs += 1;
        }
        pairs
    };
    together((0..threads).map(|_| Box::new(job) as Job).collect())
}

/// In each pair one thread gets buffers and the other one puts them. The queue is part of the time.
fn in_pairs<P: Pool + Sync>(pool: &P, pairs: usize) -> f64
where
    P::Buffer: Send,
{
    let mut jobs: Vec<Job> = Vec::new();

    for _ in 0..pairs {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        jobs.push(Box::new(move |stop| {
            while !stop.load(Relaxed) {
                sender.send(get(pool, MIB)).expect("the receiver waits for the end");
            }
            0
        }));
        jobs.push(Box::new(move |_| {
            let mut pairs = 0;
            for buffer in receiver {
                pool.put(buffer);
                pairs += 1;
            }
            pairs
        }));
    }
    together(jobs)
}

/// Milliseconds to read all tensors into buffers, and to put these back.
fn load<P: Pool>(pool: &P, path: &str) -> Vec<Series> {
    let file = gpt2::open(path).expect("a file that main could open");
    let sizes = gpt2::sizes();
    let (load_ms, free_ms) =
        samples(LOADS, LOADS_END, || load_once(pool, &file, &sizes)).into_iter().unzip();
    vec![("load_ms".into(), load_ms), ("free_ms".into(), free_ms)]
}

fn load_once<P: Pool>(pool: &P, file: &File, sizes: &[usize]) -> (f64, f64) {
    let mut held = Vec::with_capacity(sizes.len());
    let mut at = 0;
    let start = Instant::now();

    for &size in sizes {
        let mut buffer = pool.get(size);
        // SAFETY: the pool has given this buffer, of `size` bytes or more, to nobody else. They may
        // never have been written, but they are not read either before pread has filled them.
        let bytes = unsafe { slice::from_raw_parts_mut(P::start(&mut buffer), size) };
        file.read_exact_at(bytes, at).expect("a file as long as the tensors");
        at += size as u64;
        held.push(buffer);
    }
    let loaded = Instant::now();
    for buffer in held.drain(..) {
        pool.put(buffer);
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    (ms(loaded - start), ms(loaded.elapsed()))
}
