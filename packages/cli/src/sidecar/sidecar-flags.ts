import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { resolve } from 'node:path'
import { readPrivateFile, writePrivateFile } from 'countersign/node'
import { agentFolderPath } from '../agent-folder/agent-folder.js'
import type { AgentFlags } from '../agent-folder/choose-agent.js'
import { CommandError, errorCode, usageError } from '../command/errors.js'
import { type NetworkFlags, readNetworkFlags, readPort, requireIdentifierFlag } from '../flags/network-flags.js'

export interface SidecarFlags extends NetworkFlags, AgentFlags {
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
  hosts: ReadonlySet<string>
  authServers: readonly string[]
  /** A port on 127.0.0.1, or a Unix socket. */
  at: { port: number; secretFile: string } | { socket: string }
  network: ReturnType<typeof readNetworkFlags>
}

/** @throws CommandError for invalid flags */
export function readSidecarFlags(flags: SidecarFlags, env: NodeJS.ProcessEnv): SidecarSettings {
  const hosts = new Set((flags.allowHost ?? []).map(readHost))
  if (hosts.size === 0) throw usageError('Specify which hosts programs may call: --allow-host api.example')
  if (flags.socket !== undefined && (flags.port ?? flags.secretFile) !== undefined)
    throw usageError(
      '--socket cannot be combined with --port or --secret-file: the permissions of the socket file control access.',
    )
  if (flags.onConsent !== undefined && !flags.consent)
    throw usageError('Use either --on-consent or --no-consent, not both.')
  return {
    hosts,
    authServers: (flags.authServer ?? []).map((id) => requireIdentifierFlag('--auth-server', id, 'allowed')),
    at:
      flags.socket === undefined
        ? {
            port: readPort(flags.port ?? '8007'),
            secretFile: flags.secretFile ?? resolve(agentFolderPath(env, flags.home), 'sidecar-secret'),
          }
        : { socket: resolve(flags.socket) },
    network: readNetworkFlags(flags),
  }
}

function readHost(text: string): string {
  const url = URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined
  if (url && /^(?:[a-z\d.-]+|\[[a-f\d:]+\])(?::\d+)?$/.test(text) && [url.host, `${url.host}:443`].includes(text))
    return url.host
  throw usageError(`--allow-host must be a host, such as api.example or api.example:8443, not ${text.slice(0, 100)}`)
}

/**
 * Listens for programs on this machine (port), or for this user's programs only (socket). Resolves to the port, or to undefined for a
 * socket.
 *
 * @throws CommandError if the port or socket is in use or cannot be opened
 */
export async function listenForPrograms(server: Server, at: SidecarSettings['at']): Promise<number | undefined> {
  if ('socket' in at) await removeAbandoned(at.socket)
  const where = 'socket' in at ? at.socket : `port ${at.port} on 127.0.0.1`
  // The umask makes the socket accessible to its user only, so that no one else can connect before its mode is set.
  const before = process.umask(0o177)
  try {
    if ('socket' in at) server.listen(at.socket)
    else server.listen(at.port, '127.0.0.1')
    await once(server, 'listening')
  } catch (cause) {
    const code = errorCode(cause)
    const why =
      code === 'EADDRINUSE'
        ? 'is in use: stop the program that uses it, or choose a different one'
        : `cannot be opened (${code})`
    throw new CommandError(`${where} ${why}.`, { cause })
  } finally {
    process.umask(before)
  }
  if ('socket' in at) chmodSync(at.socket, 0o600)
  return 'socket' in at ? undefined : (server.address() as AddressInfo).port
}

/** Removes a socket that a killed program has left behind. Such a socket refuses connections. */
async function removeAbandoned(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket())
      throw new CommandError(`${path} exists and is not a socket: choose a different path.`)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  const socket = connect(path)
  const isAbandoned = await once(socket, 'connect').then(
    () => false,
    // Any other error code may come from a program that is running but overloaded.
    (error: unknown) => errorCode(error) === 'ECONNREFUSED',
  )
  socket.destroy()
  if (!isAbandoned)
    throw new CommandError(`${path} is in use: stop the program that uses it, or choose a different path.`)
  unlinkSync(path)
}

/**
 * Reads the secret that programs must send, from a file that only its user can read. If the file does not exist, it is created with a new
 * secret.
 *
 * @throws FileStoreError if other users could read the file
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
    throw usageError(
      `${path} does not contain a valid secret (at least 20 letters, digits or characters from ._~-). Delete the file to have a new one created.`,
    )
  return secret
}
