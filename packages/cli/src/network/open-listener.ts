import type { Server } from 'node:http'
import { CommandError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'

/** What is wrong with the address, whatever the port. */
const aboutHost: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAI_AGAIN', 'EINVAL', 'ENOTFOUND'])

/** The settings to name where a port cannot be opened. */
export interface ListenerSettings {
  host: string
  port: string
}

/** Opens a server's port. @throws CommandError that names the setting to change */
export async function openListener(
  server: Server,
  { host, port }: { host: string; port: number },
  settings: ListenerSettings,
) {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (cause) {
    const code = errorCode(cause)
    const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${code})`
    const setting = aboutHost.has(code) ? settings.host : settings.port
    throw new CommandError(`Port ${port} on ${host} ${why}: change ${setting}.`, { cause })
  }
}
