// SPDX-License-Identifier: MIT OR Apache-2.0

//! Question: what do buffer pools of Rust cost in the workloads that zeropool is measured with?
//!
//!     bench-peers --list                 the pools
//!     bench-peers POOL GROUP [FILE]      one JSON object with the samples of a group of workloads
//!
//! Every workload runs in a process of its own (`--workload POOL WORKLOAD [FILE]`), as some pools
//! keep buffers for a thread beyond the life of the pool: what one workload leaves behind must
//! neither help nor hurt the next.

mod gpt2;
mod pools;
mod workloads;

use std::env;
use std::process::{self, Command, ExitCode, Stdio};
use workloads::{GROUPS, Series, on_many_threads, on_one_thread};

type Run = fn(workload: &str, file: Option<&str>) -> Vec<Series>;

const POOLS: [(&str, Run); 8] = [
    ("malloc", on_many_threads::<pools::malloc::Malloc>),
    ("bytes", on_many_threads::<pools::bytes::Bytes>),
    ("lifeguard", on_one_thread::<pools::lifeguard::Lifeguard>),
    ("santh-bufpool", on_many_threads::<pools::santh_bufpool::SanthBufpool>),
    ("sharded-slab", on_many_threads::<pools::sharded_slab::ShardedSlab>),
    ("zeropool-0.3.1", on_many_threads::<pools::zeropool_0_3::Zeropool>),
    ("zeropool-0.7.0", on_many_threads::<pools::zeropool_0_7::Zeroing>),
    ("zeropool-0.7.0-nozero", on_many_threads::<pools::zeropool_0_7::Uninit>),
];

const USAGE: &str = "usage: bench-peers --list | POOL GROUP [FILE]";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        ["--list"] => Ok(POOLS.map(|(name, _)| name).join("\n")),
        ["--workload", pool, workload] => run_workload(pool, workload, None),
        ["--workload", pool, workload, file] => run_workload(pool, workload, Some(file)),
        [pool, group] => run_group(pool, group, None),
        [pool, group, file] => run_group(pool, group, Some(file)),
        _ => Err(USAGE.into()),
    };

    match answer {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("bench-peers: {message}");
            ExitCode::from(2)
        }
    }
}

fn find<T: Copy>(table: &[(&str, T)], what: &str, name: &str) -> Result<T, String> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or(format!("no {what} is called {name}; {USAGE}"))
}

fn run_group(pool: &str, group: &str, file: Option<&str>) -> Result<String, String> {
    find(&POOLS, "pool", pool)?;
    let workloads = find(&GROUPS, "group", group)?;
    match (group, file) {
        ("load", None) => return Err(format!("load needs FILE; {USAGE}")),
        ("load", Some(file)) => drop(gpt2::open(file)?),
        _ => {}
    }

    let mut object = format!("{{\"question\": \"{group}\"");
    for workload in workloads.split(' ') {
        object += &in_a_new_process(pool, workload, file);
    }
    Ok(object + "}")
}

/// What `run_workload` says in a new process.
fn in_a_new_process(pool: &str, workload: &str, file: Option<&str>) -> String {
    let program = env::current_exe().expect("the path of this program");
    let output = Command::new(program)
        .args(["--workload", pool, workload])
        .args(file)
        .stderr(Stdio::inherit())
        .output()
        .expect("a second process of this program");

    if !output.status.success() {
        eprintln!("bench-peers: {pool} {workload}: {}", output.status);
        process::exit(1);
    }
    String::from_utf8_lossy(&output.stdout).trim_end().into()
}

/// The members that this workload adds to the JSON object, each after a comma.
fn run_workload(pool: &str, workload: &str, file: Option<&str>) -> Result<String, String> {
    let run = find(&POOLS, "pool", pool)?;
    let member = |(key, samples): Series| {
        let samples: Vec<String> = samples.iter().map(|sample| format!("{sample:.6}")).collect();
        format!(", \"{key}\": [{}]", samples.join(", "))
    };
    Ok(run(workload, file).into_iter().map(member).collect())
}
