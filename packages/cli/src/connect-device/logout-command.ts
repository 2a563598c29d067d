import { rm } from 'node:fs/promises'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { findAgents } from '../agent-folder/choose-agent.js'
import { CommandError, errorReason, exitStatus, usageError } from '../command/errors.js'
import { deviceFailure, disconnect, isDisconnected } from '../own-agent/device.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'

interface LogoutFlags {
  home?: string
  json?: true
}

/** `countersign logout [auth-server]`: disconnects this device, and deletes its key and tokens. */
export const logoutCommand: Run<LogoutFlags> = async ({ home, json }, terminal, address) => {
  const logins = (await findAgents({ home }, terminal.env)).filter(({ device }) => device !== undefined)
  const chosen = address === '' ? logins : logins.filter(({ id }) => id === address)
  const names = logins.map(({ id }) => id).join(', ')
  const [folder] = chosen
  if (!folder) {
    const others = names === '' ? '.' : `, but to ${names}.`
    throw usageError(`This device is not connected to ${address === '' ? 'an auth server' : address}${others}`)
  }
  if (chosen.length > 1) throw usageError(`This device is connected to ${names}: specify one of them.`)
  const problem = await tryDisconnect(folder)
  await deleteFolder(folder.path)
  if (problem instanceof Error)
    throw new CommandError(
      `The key was deleted from this device, but ${folder.id} still lists the device: remove it there, under “My agents”. ${problem.message}`,
      { exitCode: exitStatus.network, cause: problem },
    )
  if (json) terminal.write(`${JSON.stringify({ auth_server: folder.id, disconnected: true })}\n`)
  else terminal.notify(wrapText('', `This device is disconnected from ${folder.id}, and its key is deleted.`))
  return exitStatus.done
}

/** Ends all access of the device. Resolves to the problem if that was impossible. */
async function tryDisconnect(folder: AgentFolder): Promise<unknown> {
  try {
    await disconnect(folder)
    return undefined
  } catch (error) {
    return isDisconnected(error) ? undefined : deviceFailure(error, folder.id)
  }
}

async function deleteFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (cause) {
    throw new CommandError(`${path} cannot be deleted: ${errorReason(cause)}`, { cause })
  }
}
