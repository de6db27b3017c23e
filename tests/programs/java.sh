#!/usr/bin/env bash
# java: direct buffers that are freed by a cleaner thread, and threads with arenas of their own. (The JVM maps
# its heap itself.)
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v javac >/dev/null || { echo 'skipped: no javac here'; exit 77; }
rounds=$((${ZP_SOAK:-0} ? 200 : 8))

cat >"$work/Buffers.java" <<'JAVA'
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

class Buffers {
    static long work(int thread, int rounds) throws Exception {
        long sum = 0;
        for (int round = 0; round < rounds; round++) {
            int size = (1 << 20) * (1 + (thread + round) % 5) + 8 * thread;
            ByteBuffer plain = ByteBuffer.allocateDirect(size);
            for (int i = 0; i + 8 <= size; i += 8)
                if (plain.getLong(i) != 0)
                    throw new Error("not zero");
            for (int i = 0; i + 8 <= size; i += 8)
                plain.putLong(i, (long) i * (thread + 1) / 7);
            ByteBuffer packed = ByteBuffer.allocateDirect(2 * size);
            ByteBuffer again = ByteBuffer.allocateDirect(size);
            Deflater deflater = new Deflater(1);
            deflater.setInput(plain.duplicate());
            deflater.finish();
            deflater.deflate(packed);
            deflater.end();
            Inflater inflater = new Inflater();
            inflater.setInput(packed.flip());
            inflater.inflate(again);
            inflater.end();
            if (!again.flip().equals(plain))
                throw new Error("differs");
            CRC32 crc = new CRC32();
            crc.update(again);
            sum += crc.getValue();
        }
        return sum;
    }

    public static void main(String[] arguments) throws Exception {
        int rounds = Integer.parseInt(arguments[0]);
        long[] sums = new long[4];
        Thread[] threads = new Thread[4];
        for (int i = 0; i < threads.length; i++) {
            int number = i;
            threads[i] = new Thread(() -> {
                try {
                    sums[number] = work(number, rounds);
                } catch (Throwable problem) {
                    problem.printStackTrace();
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads)
            thread.join();
        for (long sum : sums)
            System.out.println(sum);
    }
}
JAVA
# -XX:-UsePerfData: no files in /tmp that another java would find.
export JAVA_TOOL_OPTIONS=-XX:-UsePerfData
# shellcheck disable=SC2016 # the inner shell's own
"$same" bash -c 'javac -d . "$0" && java -cp . Buffers 1' "$work/Buffers.java"
javac -d "$work" "$work/Buffers.java"
"$same" --pooled java -XX:MaxDirectMemorySize=200m -cp "$work" Buffers "$rounds"
