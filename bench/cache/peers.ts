import { mkdirSync, writeFileSync } from 'node:fs'
import { must } from '../../lab/process.ts'
import type { Contender } from './caches.ts'
import { originAddress, siteAddress } from './rig.ts'

/**
 * nginx as a caching proxy: two workers, sendfile, one fetch for all who want the same at once. Its timeouts are its
 * defaults, but for the lock's, after which it would fetch the same once more.
 */
const nginx: Contender = {
  name: 'nginx',
  port: 3102,
  prefix: '',
  host: 'mirror.lab',
  keepsFiles: true,
  configure(folder) {
    const temporary = ['client_body', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${folder}/${each};`)
    writeFileSync(
      `${folder}/nginx.conf`,
      `user root;
worker_processes 2;
daemon off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 16384; }
http {
  sendfile on;
  tcp_nopush on;
  access_log ${folder}/access.log;
  keepalive_requests 1000000;
  ${temporary.join(' ')}
  proxy_temp_path ${folder}/temporary;
  proxy_cache_path ${folder}/store levels=1:2 keys_zone=packages:10m use_temp_path=off max_size=4g inactive=1d;
  upstream mirror { server ${originAddress}:80; keepalive 32; }
  server {
    listen ${siteAddress}:${nginx.port} backlog=16384;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host mirror.lab;
    proxy_cache packages;
    proxy_cache_lock on;
    proxy_cache_lock_timeout 10m;
    proxy_cache_lock_age 10m;
    proxy_cache_revalidate on;
    proxy_cache_use_stale error timeout http_500 http_502 http_503 http_504;
    location / { proxy_pass http://mirror; proxy_cache_valid 200 1d; }
    location ~ ^/debian/dists/ { proxy_pass http://mirror; proxy_cache_valid 200 1s; }
  }
}
`,
    )
    return Promise.resolve(['nginx', '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`])
  },
}

/** squid before the origin, with collapsed forwarding, and going on when a client leaves. */
const squid: Contender = {
  name: 'squid',
  port: 3103,
  prefix: '',
  host: 'mirror.lab',
  keepsFiles: true,
  async configure(folder) {
    mkdirSync(`${folder}/store`)
    writeFileSync(
      `${folder}/squid.conf`,
      `http_port ${siteAddress}:${squid.port} accel defaultsite=mirror.lab no-vhost
cache_peer ${originAddress} parent 80 0 no-query originserver default name=mirror
http_access allow all
never_direct allow all
pid_filename none
access_log stdio:access.log
cache_log cache.log
cache_store_log none
coredump_dir none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
cache_mem 256 MB
maximum_object_size 2 GB
cache_dir aufs store 4096 16 256
collapsed_forwarding on
quick_abort_min -1 KB
max_filedescriptors 16384
refresh_pattern [.]deb$ 129600 100% 129600
refresh_pattern /dists/ 0 0% 0
refresh_pattern . 0 20% 4320
`,
    )
    await must(['chown', '-R', 'proxy:proxy', folder])
    // It works as `proxy`, to whom the folders above are closed: so all paths are relative to where it is started.
    const argv = ['env', '-C', folder, '/usr/sbin/squid', '-f', 'squid.conf', '-N']
    await must([...argv, '-z'], { timeoutMs: 60_000 })
    return argv
  },
}

/** varnish, all in memory, streaming what arrives. */
const varnish: Contender = {
  name: 'varnish',
  port: 3104,
  prefix: '',
  host: 'mirror.lab',
  keepsFiles: false,
  configure(folder) {
    writeFileSync(
      `${folder}/default.vcl`,
      `vcl 4.1;
backend default { .host = "${originAddress}"; .port = "80"; }
sub vcl_backend_response {
  if (bereq.url ~ "^/debian/dists/") { set beresp.ttl = 1s; set beresp.grace = 0s; set beresp.keep = 1d; }
  else { set beresp.ttl = 1d; }
}
`,
    )
    const limits = ['-p', 'thread_pool_max=5000', '-p', 'listen_depth=16384', '-p', 'nuke_limit=1000']
    const storage = ['-s', 'default,2G', '-s', 'Transient=default,256M']
    const listen = ['-a', `${siteAddress}:${varnish.port}`]
    const argv = ['varnishd', '-F', '-n', `${folder}/run`, '-j', 'none', '-f', `${folder}/default.vcl`]
    return Promise.resolve([...argv, ...listen, ...storage, ...limits])
  },
}

/** apt-cacher-ng, as an explicit proxy. */
const aptCacherNg: Contender = {
  name: 'apt-cacher-ng',
  port: 3105,
  prefix: `http://${originAddress}`,
  host: originAddress,
  keepsFiles: true,
  configure(folder) {
    for (const each of ['store', 'log', 'run']) mkdirSync(`${folder}/${each}`)
    writeFileSync(
      `${folder}/acng.conf`,
      `CacheDir: ${folder}/store
LogDir: ${folder}/log
SupportDir: /usr/lib/apt-cacher-ng
SocketPath: ${folder}/run/socket
PidFile: ${folder}/run/pid
BindAddress: ${siteAddress}
Port: ${aptCacherNg.port}
ExThreshold: 30
ForeGround: 1
MaxConThreads: -1
`,
    )
    return Promise.resolve(['apt-cacher-ng', '-c', folder])
  },
}

/** All that we compare with. */
export const peers: readonly Contender[] = [nginx, squid, varnish, aptCacherNg]

/** Installs them where they are missing. @throws CausewayError `CommandFailed` with what could not be installed. */
export async function installPeers(): Promise<void> {
  await must([`${import.meta.dirname}/setup`], { timeoutMs: 10 * 60_000 })
}
