#!/usr/bin/env bash
# nginx with buffers of megabytes: a static file, the same compressed and through a proxy (itself), and large
# uploads, while its workers are replaced under load.
set -euo pipefail

work=$(mktemp -d)
chmod 755 "$work" # the workers run as somebody else
trap 'rm -rf "$work"' EXIT
nginx=$(command -v nginx || echo /usr/sbin/nginx)
[[ -x $nginx ]] || { echo 'skipped: no nginx here'; exit 77; }
requests=$((${ZP_SOAK:-0} ? 300 : 15))

mkdir "$work/static"
seq 1 1200000 >"$work/static/file" # 8 MB
chmod 644 "$work/static/file"
cat >"$work/config" <<END
daemon off;
worker_processes 2;
pid $work/pid;
error_log stderr warn;
worker_shutdown_timeout 600s;
events { worker_connections 256; }
http {
    access_log off;
    client_max_body_size 100m;
    client_body_buffer_size 12m;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    sendfile off;
    output_buffers 2 2m;
    gzip_buffers 16 1m;
    gzip_types *;
    proxy_buffer_size 1m;
    proxy_buffers 8 2m;
    proxy_busy_buffers_size 4m;
    server {
        listen unix:$work/socket;
        root $work/static;
        location /compressed/ { gzip on; alias $work/static/; }
        location /proxied/ { proxy_pass http://unix:$work/socket:/; }
        location = /length { return 200 "\$content_length"; }
    }
}
END

cat >"$work/client.py" <<'PYTHON'
import gzip, http.client, os, signal, socket, sys, threading

path, expected, server, requests = sys.argv[1], open(sys.argv[2], 'rb').read(), int(sys.argv[3]), int(sys.argv[4])
wrong = []

class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)

def ask(method, where, body=None, **headers):
    connection = Connection('here', timeout=600)
    connection.request(method, where, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise OSError(f'{where}: {answer.status}')
    return gzip.decompress(content) if answer.headers.get('Content-Encoding') == 'gzip' else content

def work(number):
    try:
        for i in range(requests):
            for where in ('/file', '/proxied/file', '/proxied/proxied/file'):
                assert ask('GET', where) == expected, where
            size = 1000000 * (1 + (number + i) % 11)
            assert ask('POST', '/proxied/length', b'x' * size) == str(size).encode(), 'length'
            if i % 5 == number:
                compressed = ask('GET', '/proxied/compressed/file', **{'Accept-Encoding': 'gzip'})
                assert compressed == expected, 'compressed'
            if number == 0 and i % 10 == 5:
                os.kill(server, signal.SIGHUP)
    except Exception as problem:
        wrong.append(f'thread {number}: {problem!r}')

threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit('\n'.join(wrong) or 0)
PYTHON

failed() {
    cat "$work/log"
    echo "$*"
    exit 1
}

LD_PRELOAD=$ZP_LIBRARY ZEROPOOL_STATS=exit "$nginx" -e stderr -p "$work" -c "$work/config" 2>"$work/log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
until [[ -S $work/socket && $(pgrep -c -P "$server") == 2 ]]; do
    kill -0 "$server" 2>/dev/null || failed 'does not start'
    sleep 0.05
done
for pid in "$server" $(pgrep -P "$server"); do
    grep -q zeropool "/proc/$pid/maps" || failed 'runs without the library'
done
/usr/bin/python3 "$work/client.py" "$work/socket" "$work/static/file" "$server" "$requests" ||
    failed 'wrong answers'
kill -QUIT "$server"
wait "$server" || failed "status $?"
grep -q 'large requests  *[1-9]' "$work/log" || failed 'made no large request'
if grep -E 'signal|fatal|alert|emerg' "$work/log"; then failed 'complaints of nginx'; fi
