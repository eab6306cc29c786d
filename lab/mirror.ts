import type { LabHost, LabProcess } from './host.ts'
import { listening } from './ssh.ts'

const logFile = '/var/log/nginx/mirror.jsonl'

/** Where the mirror host has the repository's folder. */
export const mirrorFolder = '/var/lib/mirror/debian'

/** One request that the mirror answered. */
export interface MirrorRequest {
  /** Milliseconds since the epoch, when the answer was complete. */
  readonly atMs: number
  /** Who asked, as the mirror saw it: the site's gateway when the node's traffic was masqueraded. */
  readonly client: string
  readonly method: string
  readonly uri: string
  readonly status: number
  /** Bytes of the body that were sent. */
  readonly bytes: number
}

const configuration = `daemon off;
user www-data;
worker_processes 1;
error_log /var/log/nginx/error.log;
pid /run/nginx.pid;
events {}
http {
  log_format requests escape=json '{"time":$msec,"client":"$remote_addr","method":"$request_method",'
    '"uri":"$uri","status":$status,"bytes":$body_bytes_sent}';
  access_log ${logFile} requests;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000;
  server {
    listen 80;
    root /var/lib/mirror;
  }
}
`

/** The package mirror beyond the WAN: nginx that serves a real apt repository and notes every request. */
export class Mirror {
  readonly host: LabHost

  constructor(host: LabHost) {
    this.host = host
  }

  async start(): Promise<LabProcess> {
    this.host.write('/etc/nginx/lab.conf', { content: configuration })
    this.host.write(logFile, { content: '' })
    const nginx = await this.host.start(['nginx', '-c', '/etc/nginx/lab.conf'], { log: '/var/log/nginx/stderr.log' })
    await listening(this.host, 80)
    return nginx
  }

  /** Every request so far, in the order of their ends; only those of `client` if given (an underlay address). */
  requests(client?: string): MirrorRequest[] {
    return this.host
      .read(logFile)
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const { time, ...request } = JSON.parse(line) as Omit<MirrorRequest, 'atMs'> & { time: number }
        return { ...request, atMs: Math.round(time * 1000) }
      })
      .filter((request) => client === undefined || request.client === client)
  }
}
