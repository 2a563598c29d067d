import { resolve } from 'node:path'
import { agentFolderPath } from '../agent-folder/agent-folder-path.js'
import { usageError } from '../command/command-error.js'
import { type NetworkFlags, readNetworkFlags } from '../flags/network-flags.js'
import { requireIdentifierFlag } from '../flags/require-identifier-flag.js'

export interface SidecarFlags extends NetworkFlags {
  agent?: string
  allowHost?: readonly string[]
  authServer?: readonly string[]
  port?: string
  socket?: string
  secretFile?: string
  onConsent?: string
  interop?: true
  /** False with `--no-consent`. */
  consent: boolean
}

export interface SidecarSettings {
  folderPath: string
  hosts: ReadonlySet<string>
  authServers: readonly string[]
  /** A port of 127.0.0.1, or a Unix socket. */
  at: { port: number; secretFile: string } | { socket: string }
  network: ReturnType<typeof readNetworkFlags>
}

const defaultPort = 8007

/** @throws CommandError for flags that cannot be meant */
export function readSidecarFlags(flags: SidecarFlags, env: NodeJS.ProcessEnv): SidecarSettings {
  const folderPath = agentFolderPath(env, flags.agent)
  const hosts = new Set((flags.allowHost ?? []).map(readHost))
  if (hosts.size === 0) throw usageError('Name the hosts that may be asked: --allow-host api.example')
  if (flags.socket !== undefined && (flags.port ?? flags.secretFile) !== undefined)
    throw usageError('A --socket has neither --port nor --secret-file: its file says who may use it.')
  if (flags.onConsent !== undefined && !flags.consent) throw usageError('Give --on-consent or --no-consent.')
  return {
    folderPath,
    hosts,
    authServers: (flags.authServer ?? []).map((id) => requireIdentifierFlag('--auth-server', id, 'allowed')),
    at:
      flags.socket === undefined
        ? { port: readPort(flags.port), secretFile: flags.secretFile ?? resolve(folderPath, 'sidecar-secret') }
        : { socket: resolve(flags.socket) },
    network: readNetworkFlags(flags),
  }
}

function readHost(text: string): string {
  const url = URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined
  if (url && /^(?:[a-z\d.-]+|\[[a-f\d:]+\])(?::\d+)?$/.test(text) && [url.host, `${url.host}:443`].includes(text))
    return url.host
  throw usageError(`--allow-host takes a host, such as api.example or api.example:8443, and not ${text.slice(0, 100)}`)
}

function readPort(text = String(defaultPort)): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw usageError('--port takes a number from 0 to 65535; 0 chooses a free one.')
}
