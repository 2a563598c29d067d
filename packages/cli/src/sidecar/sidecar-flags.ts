import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { resolve } from 'node:path'
import { readPrivateFile, writePrivateFile } from 'countersign/node'
import { agentFolderPath } from '../agent-folder/agent-folder.js'
import { CommandError, errorCode, usageError } from '../command/errors.js'
import { type NetworkFlags, readNetworkFlags, readPort, requireIdentifierFlag } from '../flags/network-flags.js'

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
        ? {
            port: readPort(flags.port ?? '8007'),
            secretFile: flags.secretFile ?? resolve(folderPath, 'sidecar-secret'),
          }
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

/**
 * Listens where programs of this machine, or of this user alone, can reach it; resolves to the port, or undefined for a socket.
 *
 * @throws CommandError where that is taken
 */
export async function listenForPrograms(server: Server, at: SidecarSettings['at']): Promise<number | undefined> {
  if ('socket' in at) await removeAbandoned(at.socket)
  const where = 'socket' in at ? at.socket : `port ${at.port} on 127.0.0.1`
  // A socket is made for its user alone: nobody else connects before its mode is set.
  const before = process.umask(0o177)
  try {
    if ('socket' in at) server.listen(at.socket)
    else server.listen(at.port, '127.0.0.1')
    await once(server, 'listening')
  } catch (cause) {
    const code = errorCode(cause)
    const why = code === 'EADDRINUSE' ? 'is in use: end what has it, or choose another' : `cannot be opened (${code})`
    throw new CommandError(`${where} ${why}.`, { cause })
  } finally {
    process.umask(before)
  }
  if ('socket' in at) chmodSync(at.socket, 0o600)
  return 'socket' in at ? undefined : (server.address() as AddressInfo).port
}

/** A socket that a program left which was killed answers nobody. */
async function removeAbandoned(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) throw new CommandError(`${path} is there, and is no socket: choose another one.`)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  const socket = connect(path)
  const isAbandoned = await once(socket, 'connect').then(
    () => false,
    // Any other code may come of a program that has too much to do.
    (error: unknown) => errorCode(error) === 'ECONNREFUSED',
  )
  socket.destroy()
  if (!isAbandoned) throw new CommandError(`${path} is in use: end what has it, or choose another.`)
  unlinkSync(path)
}

/**
 * The secret that programs must know, from a file that its user alone can read; a new one is made where there is none.
 *
 * @throws FileStoreError for a file that others could read
 */
export async function readSecret(path: string): Promise<string> {
  const text = await readPrivateFile(path)
  if (text === undefined) {
    const secret = randomBytes(24).toString('base64url')
    await writePrivateFile(path, `${secret}\n`)
    return secret
  }
  const secret = text.trim()
  if (!/^[\w.~-]{20,}$/.test(secret))
    throw usageError(`${path} holds no secret: at least 20 letters and digits. Take it away, and another one is made.`)
  return secret
}
