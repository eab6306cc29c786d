import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const originMain = fileURLToPath(new URL('origin-main.ts', import.meta.url))
const causewayMain = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** A process of the benchmark that listens. */
export interface Running {
  readonly port: number
  stop(): Promise<void>
}

export async function startOrigin(delayMs: number): Promise<Running> {
  const child = spawn(process.execPath, [originMain, String(delayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) return running(child, Number(line))
  throw new Error('the origin did not start')
}

/** Our cache, as a site runs it, with an empty store. */
export async function startOurs(folder: string, originPort: number): Promise<Running> {
  const port = await freePort()
  await mkdir(folder, { recursive: true })
  const config = join(folder, 'cache.yaml')
  await writeFile(
    config,
    `listen: 127.0.0.1:${port}
store: ${folder}/store
accessLog: ${folder}/access.log
origins: { mirror.lab: { address: 127.0.0.1, port: ${originPort} } }
`,
  )
  const child = spawn(process.execPath, [causewayMain, 'cache', '--config', config, '--log-level', 'warn'], {
    stdio: 'inherit',
  })
  return listening(child, port)
}

/** nginx as a caching proxy, set up for the same job, with an empty store. */
export async function startNginx(folder: string, originPort: number): Promise<Running> {
  const port = await freePort()
  await mkdir(folder, { recursive: true })
  const config = join(folder, 'nginx.conf')
  await writeFile(
    config,
    `user root;
worker_processes auto;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  sendfile on;
  tcp_nopush on;
  access_log ${folder}/access.log;
  keepalive_requests 1000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/temp;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/store keys_zone=packages:10m use_temp_path=off max_size=4g inactive=1d;
  upstream mirror { server 127.0.0.1:${originPort}; keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://mirror;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host mirror.lab;
      proxy_cache packages;
      proxy_cache_lock on;
      proxy_cache_valid 200 1d;
    }
  }
}
`,
  )
  const child = spawn('nginx', ['-e', `${folder}/error.log`, '-c', config, '-g', 'daemon off;'], { stdio: 'inherit' })
  return listening(child, port)
}

async function listening(child: ChildProcess, port: number): Promise<Running> {
  for (const deadline = Date.now() + 15_000; !(await answers(port)); ) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${child.spawnfile} does not serve`)
    await sleep(20)
  }
  return running(child, port)
}

function running(child: ChildProcess, port: number): Running {
  return {
    port,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** Whether something speaks HTTP there (the path is one that neither cache asks its origin for). */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ port, host: '127.0.0.1', path: '/..', agent: false }, (response) => {
      response.resume().on('end', () => resolve(true))
    })
    request.on('error', () => resolve(false))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
