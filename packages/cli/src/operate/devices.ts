import { CommandError, exitStatus } from '../command/errors.js'
import { formatTime } from '../terminal/table.js'
import type { Run } from '../terminal/terminal.js'
import { counted } from '../terminal/text.js'
import { findUser } from './find-user.js'
import { type ChangeOptions, inStorage, type OperationOptions, operatorName, printList } from './operation.js'

interface ListOptions extends OperationOptions {
  user?: string
  live?: true
  limit?: string
}

/** `countersign server devices list`: lists the devices that users have connected, newest first. */
export const devicesList: Run<ListOptions> = async ({ user, live, ...flags }, terminal) =>
  printList(flags, terminal, {
    async find({ storage }, limit) {
      const userId = user === undefined ? undefined : (await findUser(storage, user)).id
      return storage.listDevices({ userId, live, limit })
    },
    headings: ['ID', 'USERNAME', 'NAME', 'CONNECTED', 'LAST USED', 'FROM', 'UNTIL'],
    cells: (device) => [
      device.id,
      device.user.username,
      device.name,
      formatTime(device.connectedAt),
      formatTime(device.lastUsedAt),
      device.ip ?? '-',
      device.disconnectedAt !== null
        ? `disconnected ${formatTime(device.disconnectedAt)}`
        : device.expiresAt === null
          ? 'until disconnected'
          : formatTime(device.expiresAt),
    ],
  })

/** `countersign server devices disconnect`: ends all access of one device, or of all devices of a user. */
export const devicesDisconnect: Run<ChangeOptions & { user?: string }> = async (flags, terminal, id) => {
  const by = operatorName(flags)
  if ((id === '') === (flags.user === undefined))
    throw new CommandError('Specify which devices: one id, or --user with all devices of a user.')
  const disconnected = await inStorage(flags, terminal, async ({ storage }) => {
    if (flags.user === undefined) {
      if (await storage.disconnectDevice({ id, by })) return 1
      throw new CommandError(`There is no connected device ${id}.`)
    }
    const { id: userId } = await findUser(storage, flags.user)
    const devices = await storage.listDevices({ userId, limit: Number.MAX_SAFE_INTEGER })
    const connected = devices.filter(({ disconnectedAt }) => disconnectedAt === null)
    for (const device of connected) await storage.disconnectDevice({ id: device.id, by })
    return connected.length
  })
  terminal.write(
    flags.json ? `${JSON.stringify({ disconnected })}\n` : `Disconnected ${counted(disconnected, 'device')}.\n`,
  )
  return exitStatus.done
}
