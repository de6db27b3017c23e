#!/usr/bin/env bash
# node: buffers of many megabytes that wander between worker threads and die in any of them, and large JSON.
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo 'skipped: no node here'; exit 77; }
rounds=$((${ZP_SOAK:-0} ? 30 : 3))

cat >"$work/buffers.js" <<'JAVASCRIPT'
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { createHash } = require('crypto');
const { gzipSync, gunzipSync } = require('zlib');
const MIB = 1024 * 1024;
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');

function filled(size, seed) {
  const words = new Uint32Array(size / 4); // must be zero
  if (words.some((word) => word != 0)) throw new Error('not zero');
  for (let i = 0, x = seed + 1; i < words.length; i++)
    words[i] = x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
  return words;
}

if (!isMainThread) {
  parentPort.on('message', ({ round, words }) => {
    const copy = words.slice();
    words.fill(0xabcdef);
    copy.reverse();
    parentPort.postMessage({ round, copy, words }, [copy.buffer, words.buffer]);
  });
} else {
  const rounds = Number(process.argv[2]), results = [];
  let left = rounds * 4;
  for (let number = 0; number < 4; number++) {
    const worker = new Worker(__filename);
    const send = (round) => {
      const words = filled((1 + (round * 5 + number) % 7) * MIB, round);
      worker.postMessage({ round, words }, [words.buffer]);
    };
    worker.on('error', (error) => { throw error; });
    worker.on('message', ({ round, copy, words }) => {
      results.push(`worker ${number} round ${round} ${hash(copy)} ${hash(words)}`);
      if (--left == 0) finish();
      if (round + 1 < rounds) send(round + 1); else worker.terminate();
    });
    send(0);
  }
  const finish = () => {
    console.log(results.sort().join('\n'));
    for (let i = 0; i < rounds; i++) {
      const text = JSON.stringify(Array.from({ length: 100000 }, (_, k) => ({ k, name: `item ${k * i}` })));
      const again = JSON.parse(text);
      const packed = gzipSync(Buffer.concat([Buffer.from(text), Buffer.from(text)]));
      console.log(text.length, again.length, hash(text), hash(gunzipSync(packed)));
    }
  };
}
JAVASCRIPT
"$same" --pooled node "$work/buffers.js" "$rounds"
