import { once } from 'node:events'
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { CommandError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'
import type { SidecarSettings } from './sidecar-flags.js'

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
