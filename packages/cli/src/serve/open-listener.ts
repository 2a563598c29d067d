import type { Server } from 'node:http'
import { CommandError } from '../command-error.js'

/** Opens a server's port. @throws CommandError that names the setting when it cannot be opened */
export async function openListener(server: Server, { host, port }: { host: string; port: number }, setting: string) {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${code})`
    throw new CommandError(`Port ${port} on ${host} ${why}: change ${setting}.`, { cause })
  }
}
